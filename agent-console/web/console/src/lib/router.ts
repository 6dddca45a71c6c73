// History routing by hand: a path, a list of patterns, one event. The server sends the
// entry page for each path which is no file, so a reload lands on the same screen.

import { useSyncExternalStore } from "react";

const MOVED = "songda:moved";

function subscribe(listener: () => void): () => void {
  window.addEventListener("popstate", listener);
  window.addEventListener(MOVED, listener);
  return () => {
    window.removeEventListener("popstate", listener);
    window.removeEventListener(MOVED, listener);
  };
}

/** The path of the page that is shown. */
export function usePath(): string {
  return useSyncExternalStore(subscribe, () => window.location.pathname);
}

/** Goes to a path of this console. */
export function go(path: string, how: "push" | "replace" = "push"): void {
  if (path === window.location.pathname + window.location.search) return;
  if (how === "push") window.history.pushState(null, "", path);
  else window.history.replaceState(null, "", path);
  window.dispatchEvent(new Event(MOVED));
}

/** Values of the `:names` of a pattern, or nothing where the path is another. */
export function match(pattern: string, path: string): Record<string, string> | null {
  const wanted = pattern.split("/").filter(Boolean);
  const found = path.split("/").filter(Boolean);
  if (wanted.length !== found.length) return null;
  const values: Record<string, string> = {};
  for (const [i, part] of wanted.entries()) {
    const actual = found[i] ?? "";
    if (part.startsWith(":")) {
      const value = decode(actual);
      if (value === null) return null;
      values[part.slice(1)] = value;
    } else if (part !== actual) return null;
  }
  return values;
}

function decode(part: string): string | null {
  try {
    return decodeURIComponent(part);
  } catch {
    return null;
  }
}
