// Where the hands are wanted next: at the number when a work order comes, at the script when
// somebody answered, at the form when the line is down. Whoever is typing, or reads a dialog,
// is left alone.

import { type RefObject, useEffect, useRef } from "react";
import type { CallState, WorkOrder } from "../lib/types.ts";
import { isTextField } from "./keyboard.ts";
import type { OutcomeKeys } from "./OutcomeForm.tsx";
import { isLive } from "./state.ts";

const DIAL = ".phone .ant-btn-primary";
const SCRIPT = ".script";

type Phase = "none" | "offered" | "calling" | "talking" | "ended";

/** `filling`: the form of an owed call is open; then nobody expects a number in its place. */
export function useFocus(
  order: WorkOrder | null,
  call: CallState | null,
  filling: boolean,
  form: RefObject<OutcomeKeys | null>,
): void {
  const phase = phaseOf(order, call);
  const before = useRef(phase);
  useEffect(() => {
    if (before.current === phase) return;
    before.current = phase;
    if (filling || isTaken()) return;
    if (phase === "offered") focus(DIAL);
    if (phase === "talking") focus(SCRIPT);
    if (phase === "ended") form.current?.focus();
  }, [phase, filling, form]);
}

export function phaseOf(order: WorkOrder | null, call: CallState | null): Phase {
  if (!order) return "none";
  if (!call || call.end?.is_attempt === false) return "offered";
  if (!isLive(call)) return "ended";
  return call.answered_at ? "talking" : "calling";
}

function focus(selector: string): void {
  document.querySelector<HTMLElement>(selector)?.focus({ preventScroll: true });
}

function isTaken(): boolean {
  return isTextField(document.activeElement) || document.querySelector(".ant-modal-wrap") !== null;
}
