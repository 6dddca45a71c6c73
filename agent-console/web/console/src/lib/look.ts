// The address of what a page opens. Each look after the first one of this page says that it is one:
// the server writes down that something was opened, and not that a page stays open.

import { useRef } from "react";

/** Gives the address for the next look. */
export function useLook(path: string): () => string {
  const opened = useRef("");
  return () => {
    const again = opened.current === path;
    opened.current = path;
    return again ? `${path}?again=1` : path;
  };
}
