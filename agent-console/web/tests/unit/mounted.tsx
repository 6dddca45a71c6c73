// A page as it stands in a browser, with canned answers behind its one door to the server.
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { act, type ReactNode } from "react";
import { createRoot, type Root } from "react-dom/client";
import { afterEach, beforeEach, vi } from "vitest";
import { type Language, setLanguage, startLanguages } from "../../console/src/i18n/index.ts";

/** What the page asked of the server, in order. */
export let asked: { method: string; path: string; body: unknown }[] = [];

/**
 * What the server answers, by path or by method and path; a refusal has a status of 400 or more. A function
 * is asked each time.
 */
export let answers: Record<string, unknown> = {};

let root: Root;

/** Answers a path from now on. */
export function answer(found: Record<string, unknown>): void {
  answers = { ...answers, ...found };
}

export const within = (queries: QueryClient, content: ReactNode) => (
  <QueryClientProvider client={queries}>{content}</QueryClientProvider>
);

export const show = (content: ReactNode) => {
  const queries = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  return act(async () => root.render(within(queries, content)));
};

/** Draws one content in both languages, each anew, and gives what stands on the page then. */
export async function inBoth(content: () => ReactNode): Promise<Record<Language, string>> {
  const told = { "zh-CN": "", en: "" };
  for (const language of ["en", "zh-CN"] as const) {
    await speak(language);
    await show(<div key={language}>{content()}</div>);
    await settle();
    told[language] = text();
  }
  return told;
}

export const speak = (language: Language) => act(async () => setLanguage(language));
export const text = () => document.body.textContent ?? "";
export const find = (id: string) => document.querySelector(`[data-testid="${id}"]`);
export const settle = () => act(async () => void (await new Promise((done) => setTimeout(done))));
/** Until something stands there, in as many turns as the machine needs. */
export async function until(there: () => boolean): Promise<void> {
  for (let turns = 0; !there() && turns < 2_000; turns += 1) await settle();
}
export const press = (element: Element | null) =>
  act(async () => void element?.dispatchEvent(new MouseEvent("click", { bubbles: true })));

export async function type(id: string, words: string) {
  const found = find(id);
  const field = (
    found?.matches("input, textarea") ? found : found?.querySelector("input")
  ) as HTMLInputElement;
  const kind = field.tagName === "TEXTAREA" ? HTMLTextAreaElement : HTMLInputElement;
  const set = Object.getOwnPropertyDescriptor(kind.prototype, "value")?.set;
  await act(async () => {
    set?.call(field, words);
    field.dispatchEvent(new Event("input", { bubbles: true }));
  });
}

function respond(path: string, init: RequestInit): Response {
  const method = init.method ?? "GET";
  const body = init.body ? JSON.parse(String(init.body)) : null;
  asked.push({ method, path, body });
  const bare = path.replace(/\?.*/, "");
  const known = answers[`${method} ${bare}`] ?? answers[bare] ?? {};
  const found: unknown = typeof known === "function" ? known() : known;
  const { status } = found as { status?: unknown };
  const refused = typeof status === "number" && status >= 400;
  return new Response(JSON.stringify(found), { status: refused ? status : 200 });
}

/** Each test of the file gets an empty page in Chinese, and a server that has said nothing yet. */
export function pages(): void {
  beforeEach(() => {
    startLanguages();
    setLanguage("zh-CN");
    vi.stubGlobal("IS_REACT_ACT_ENVIRONMENT", true);
    vi.stubGlobal("fetch", async (path: string, init: RequestInit = {}) => respond(path, init));
    asked = [];
    answers = {};
    const place = document.createElement("div");
    document.body.append(place);
    root = createRoot(place);
  });
  afterEach(async () => {
    await act(async () => root.unmount());
    document.body.innerHTML = "";
    vi.unstubAllGlobals();
  });
}
