// What is filled in is with the server two seconds later, at the latest when the page goes,
// and is there again for whoever opens the call next.
import { act } from "react";
import { createRoot, type Root } from "react-dom/client";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { emptyChoice } from "../../console/src/desk/outcome.ts";
import { asCall } from "../../console/src/desk/owed.ts";
import { type KeptChoice, useDraft } from "../../console/src/desk/useDraft.ts";
import type { CallState, OwedCall } from "../../console/src/lib/types.ts";
import * as fixture from "../shots/fixture.ts";

const call = asCall((fixture.owed as OwedCall[])[0] as OwedCall);
const noted = (note: string) => ({ ...emptyChoice, note });

let kept: object | null = null;
let refused = false;
let sent: string[] = [];
let form: KeptChoice;
let root: Root;

function Form({ shown }: { shown: CallState }) {
  form = useDraft(shown);
  return null;
}
const draw = (shown: CallState) => act(async () => root.render(<Form shown={shown} />));
const type = (note: string) => act(async () => form.change(noted(note)));
const pass = (ms: number) => act(async () => void (await vi.advanceTimersByTimeAsync(ms)));

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("IS_REACT_ACT_ENVIRONMENT", true);
  vi.stubGlobal("fetch", async (_path: string, asked: RequestInit) => {
    if (asked.method === "GET") return new Response(JSON.stringify(kept));
    if (refused) throw new TypeError("no network");
    sent.push((JSON.parse(String(asked.body)) as { note: string }).note);
    return new Response(null, { status: 204 });
  });
  kept = null;
  refused = false;
  sent = [];
  root = createRoot(document.createElement("div"));
});

afterEach(async () => {
  await act(async () => root.unmount());
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

test("it is sent once nothing was typed for two seconds, and only the last of it", async () => {
  await draw(call);
  await type("本");
  await pass(1_500);
  await type("本人");
  await pass(1_900);
  expect(sent).toEqual([]);
  await pass(200);
  expect([sent, form.state]).toEqual([["本人"], "kept"]);
});

test("what was typed last is sent when the form or the page goes", async () => {
  await draw(call);
  await type("本人");
  await act(async () => void window.dispatchEvent(new Event("pagehide")));
  expect(sent).toEqual(["本人"]);
  await type("本人接听");
  await draw({ ...call, call_id: "another" });
  expect(sent).toEqual(["本人", "本人接听"]);
});

test("what the server did not take is sent again", async () => {
  await draw(call);
  refused = true;
  await type("本人");
  await pass(2_100);
  expect(form.state).toBe("failed");
  refused = false;
  await pass(5_100);
  expect([sent, form.state]).toEqual([["本人"], "kept"]);
});

test("a draft is there again, but what is typed meanwhile is newer", async () => {
  kept = noted("昨天");
  await draw(call);
  expect(form.choice.note).toBe("昨天");
  await draw({ ...call, call_id: "another" });
  await type("今天");
  expect(form.choice.note).toBe("今天");
});

test("while the outcome is saved for good no draft is sent beside it", async () => {
  await draw(call);
  await type("本人");
  await act(async () => form.hold());
  await pass(10_000);
  expect(sent).toEqual([]);
  await act(async () => form.release());
  expect(sent).toEqual(["本人"]);
});

test("E49 what a polite end fills in is taken over, once", async () => {
  await draw(call);
  await type("骂人");
  const draft = { ...emptyChoice, business: "B17", fields: { reason: "abuse" } };
  await draw({ ...call, end_reason: "abuse", draft });
  expect(form.choice).toMatchObject({ business: "B17", note: "骂人", fields: { reason: "abuse" } });
  await act(async () => form.change({ ...form.choice, business: "B07" }));
  await draw({ ...call, end_reason: "abuse", draft: { ...draft } });
  expect(form.choice.business).toBe("B07");
});
