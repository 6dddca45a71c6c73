// One door to the server: JSON in, JSON out, problems (RFC 9457) as one error type whose
// `code` the pages translate. A lost session is told to the shell, wherever it is noticed.

export interface FieldProblem {
  path: string;
  code: string;
  text: string;
}

export class Problem extends Error {
  readonly code: string;
  readonly status: number;
  readonly detail: string;
  readonly errors: FieldProblem[];
  readonly until: string | null;
  /** The one field that is meant, where there is one. */
  readonly field: string | null;
  /** Fields that are empty, or steps of the script that were not said. */
  readonly missing: string[];

  constructor(status: number, body: Record<string, unknown>) {
    const code = typeof body.code === "string" ? body.code : "unknown";
    super(code);
    this.name = "Problem";
    this.status = status;
    this.code = code;
    this.detail = typeof body.detail === "string" ? body.detail : "";
    this.errors = Array.isArray(body.errors) ? (body.errors as FieldProblem[]) : [];
    this.field = typeof body.field === "string" ? body.field : null;
    this.missing = Array.isArray(body.missing) ? (body.missing as string[]) : [];
    this.until = typeof body.until_at === "string" ? body.until_at : null;
  }
}

type Listener = () => void;
let sessionLost: Listener = () => {};

/**
 * Names who is told when the server no longer knows this session. What comes back puts the
 * one before in charge again.
 */
export function onSessionLost(listener: Listener): () => void {
  const before = sessionLost;
  sessionLost = listener;
  return () => {
    if (sessionLost === listener) sessionLost = before;
  };
}

const API = "/api/v1";

export async function request<T>(method: string, path: string, body?: unknown): Promise<T> {
  let response: Response;
  try {
    response = await fetch(API + path, {
      method,
      credentials: "same-origin",
      // What is kept must arrive although the page goes.
      keepalive: method === "PUT",
      headers: { accept: "application/json", ...kind(body) },
      body: body === undefined || body instanceof File ? body : JSON.stringify(body),
    });
  } catch {
    throw new Problem(0, { code: "network.down" });
  }
  if (response.status === 204) return undefined as T;
  const text = await response.text();
  const parsed = parse(text);
  if (response.ok && parsed !== undefined) return parsed as T;
  const problem = new Problem(
    response.status,
    typeof parsed === "object" && parsed !== null && !response.ok
      ? (parsed as Record<string, unknown>)
      : { code: `http.${response.status}` },
  );
  if (problem.code === "session.missing" && path !== "/me") sessionLost();
  throw problem;
}

function kind(body: unknown): Record<string, string> {
  if (body === undefined) return {};
  return { "content-type": body instanceof File ? "application/octet-stream" : "application/json" };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** What a refused answer says, whatever it was asked for. */
async function refusedBy(response: Response): Promise<Problem> {
  const said = parse(await response.text());
  const known = typeof said === "object" && said !== null;
  const body = known ? (said as Record<string, unknown>) : { code: `http.${response.status}` };
  const problem = new Problem(response.status, body);
  if (problem.code === "session.missing") sessionLost();
  return problem;
}

/**
 * Why the browser got nothing from the address of a file: what the server says of it. Nothing where it
 * gives the file by now; no more than a byte of that is asked for.
 */
export async function refusal(path: string): Promise<Problem | null> {
  let response: Response;
  try {
    const headers = { accept: "application/json", range: "bytes=0-0" };
    response = await fetch(API + path, { credentials: "same-origin", headers });
  } catch {
    return new Problem(0, { code: "network.down" });
  }
  if (response.ok) {
    void response.body?.cancel();
    return null;
  }
  return refusedBy(response);
}

/** So many bytes are held before they are handed to the browser, which may keep them on its disk. */
const HELD = 4 * 1024 * 1024;

/**
 * A whole file, asked for once: who got it is written down for each time. A refusal is a problem of the
 * page like any other. `name` is for an answer that names none; `onShare` is told how much of it is here,
 * from 0 to 1, where the server says how long it is.
 */
export async function takeFile(
  path: string,
  name: string,
  onShare: (share: number) => void,
): Promise<File> {
  try {
    const response = await fetch(API + path, { credentials: "same-origin" });
    if (!response.ok) throw await refusedBy(response);
    const type = response.headers.get("content-type") ?? "application/octet-stream";
    const named = /filename="([^"]+)"/.exec(response.headers.get("content-disposition") ?? "");
    const length = Number(response.headers.get("content-length") ?? 0);
    const whole: Blob[] = [];
    let held: BlobPart[] = [];
    let [waiting, came] = [0, 0];
    const reader = response.body?.getReader();
    for (let part = await reader?.read(); part?.value; part = await reader?.read()) {
      held.push(part.value as Uint8Array<ArrayBuffer>);
      waiting += part.value.length;
      came += part.value.length;
      if (waiting >= HELD) {
        whole.push(new Blob(held));
        [held, waiting] = [[], 0];
      }
      if (length > 0) onShare(Math.min(1, came / length));
    }
    return new File([...whole, ...held], named?.[1] ?? name, { type });
  } catch (error) {
    throw error instanceof Problem ? error : new Problem(0, { code: "network.down" });
  }
}

export const get = <T>(path: string) => request<T>("GET", path);
export const post = <T>(path: string, body?: unknown) => request<T>("POST", path, body);
export const put = <T>(path: string, body: unknown) => request<T>("PUT", path, body);
/** A file as it is, without a form around it. */
export const upload = <T>(path: string, file: File) => request<T>("POST", path, file);
export const remove = <T>(path: string) => request<T>("DELETE", path);

/** Address of a file that the browser fetches by itself (audio, PDF, downloads). */
export const fileUrl = (path: string) => API + path;

/** Path segment from an identifier of the server. */
export const id = (value: string) => encodeURIComponent(value);
