// What the agent filled in, kept by the server while it is filled in: a reload, another
// window or another machine goes on where this one was.

import { useCallback, useEffect, useRef, useState } from "react";
import { get, id, Problem, put } from "../lib/http.ts";
import type { CallState, Draft } from "../lib/types.ts";
import { type Choice, emptyChoice, withServers } from "./outcome.ts";

const PAUSE_MS = 2_000;
const AGAIN_MS = 5_000;

export type DraftState = "none" | "saving" | "kept" | "failed";

export interface KeptChoice {
  choice: Choice;
  state: DraftState;
  change: (next: Choice) => void;
  /** The outcome is being saved for good: nothing is sent beside it. */
  hold: () => void;
  /** It was not saved: the draft is kept on. */
  release: () => void;
}

/** The choice of this call and how far the server has it. */
export function useDraft(call: CallState | null): KeptChoice {
  const callId = call?.call_id ?? null;
  const [choice, setChoice] = useState<Choice>(emptyChoice);
  const [state, setState] = useState<DraftState>("none");
  /** Typed and not sent yet. */
  const pending = useRef<Choice | null>(null);
  const touched = useRef(false);
  const held = useRef(false);
  const timer = useRef<number | undefined>(undefined);

  const flush = useCallback(() => {
    window.clearTimeout(timer.current);
    const sent = pending.current;
    if (!callId || !sent || held.current) return;
    pending.current = null;
    setState("saving");
    put<void>(`/calls/${id(callId)}/draft`, sent).then(
      () => setState("kept"),
      (error) => {
        setState("failed");
        // What the server refuses, or has no call for, is not asked again.
        if (error instanceof Problem && error.status >= 400 && error.status < 500) return;
        pending.current ??= sent;
        timer.current = window.setTimeout(flush, AGAIN_MS);
      },
    );
  }, [callId]);

  const change = useCallback(
    (next: Choice) => {
      touched.current = true;
      pending.current = next;
      setChoice(next);
      window.clearTimeout(timer.current);
      timer.current = window.setTimeout(flush, PAUSE_MS);
    },
    [flush],
  );

  // What was typed last is sent when the page goes, or the form does.
  useEffect(() => {
    window.addEventListener("pagehide", flush);
    return () => {
      window.removeEventListener("pagehide", flush);
      flush();
      window.clearTimeout(timer.current);
    };
  }, [flush]);

  useEffect(() => {
    if (!callId) return;
    let gone = false;
    get<Draft | null>(`/calls/${id(callId)}/draft`).then(
      (kept) => {
        // What was typed while the answer came is newer.
        if (gone || touched.current || !kept) return;
        setChoice({ ...emptyChoice, ...kept });
        setState("kept");
      },
      () => undefined,
    );
    return () => {
      gone = true;
    };
  }, [callId]);

  // A polite end fills in what follows from it.
  const reason = call?.end_reason ?? "";
  const known = useRef(reason);
  const servers = call?.draft ?? null;
  const current = useRef(choice);
  current.current = choice;
  useEffect(() => {
    if (reason === known.current) return;
    known.current = reason;
    if (servers) change(withServers(current.current, servers));
  }, [reason, servers, change]);

  const hold = useCallback(() => {
    held.current = true;
  }, []);
  const release = useCallback(() => {
    held.current = false;
    flush();
  }, [flush]);
  return { choice, state, change, hold, release };
}
