// What the agent filled in, kept by the server while it is filled in: a reload, another
// window or another machine goes on where this one was.

import { useCallback, useEffect, useRef, useState } from "react";
import { get, id, put } from "../lib/http.ts";
import { type Choice, emptyChoice, type FieldValue } from "./outcome.ts";

const PAUSE_MS = 2_000;

export type DraftState = "none" | "saving" | "kept" | "failed";

interface Draft {
  contact: string;
  business: string;
  heard_all: boolean;
  note: string;
  fields: Record<string, FieldValue>;
}

/** The choice of this call and how far the server has it. */
export function useDraft(callId: string | null, done: boolean) {
  const [choice, setChoice] = useState<Choice>(emptyChoice);
  const [state, setState] = useState<DraftState>("none");
  const changed = useRef(false);

  useEffect(() => {
    if (!callId) return;
    let gone = false;
    get<Draft | null>(`/calls/${id(callId)}/draft`).then(
      (kept) => {
        // What was typed while the answer came is newer.
        if (gone || changed.current || !kept) return;
        setChoice({ ...emptyChoice, ...kept });
        setState("kept");
      },
      () => undefined,
    );
    return () => {
      gone = true;
    };
  }, [callId]);

  useEffect(() => {
    if (!callId || done || !changed.current) return;
    const timer = window.setTimeout(() => {
      setState("saving");
      put<void>(`/calls/${id(callId)}/draft`, choice).then(
        () => setState("kept"),
        () => setState("failed"),
      );
    }, PAUSE_MS);
    return () => window.clearTimeout(timer);
  }, [callId, choice, done]);

  const change = useCallback((next: Choice) => {
    changed.current = true;
    setChoice(next);
  }, []);

  return { choice, change, state };
}
