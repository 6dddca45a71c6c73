// To whom a call may be handed, as a list that can be searched.

import type { AgentState, TransferTargets } from "../lib/types.ts";

export interface Target {
  kind: "seat" | "phone";
  id: string;
  name: string;
  /** 工号 of a colleague, extension of a phone. */
  number: string;
  free: boolean;
  /** What is shown: the state of a colleague, or whether the phone is registered. */
  state: AgentState | "registered" | "unregistered";
}

/** Those whose name or number holds these words, the free ones first. */
export function found(targets: TransferTargets, words: string): Target[] {
  const seats = targets.seats.map(
    (seat): Target => ({
      kind: "seat",
      id: seat.id,
      name: seat.name,
      number: seat.staff_no,
      free: seat.free,
      state: seat.state as AgentState,
    }),
  );
  const phones = targets.phones.map(
    (phone): Target => ({
      kind: "phone",
      id: phone.id,
      name: phone.name,
      number: phone.extension,
      free: phone.free,
      state: phone.free ? "registered" : "unregistered",
    }),
  );
  const wanted = words.trim().toLowerCase();
  const all = [...seats, ...phones].filter((target) =>
    `${target.name} ${target.number}`.toLowerCase().includes(wanted),
  );
  return [...all.filter((target) => target.free), ...all.filter((target) => !target.free)];
}

/** The next one that is free, from here up or down; the first where none is chosen. */
export function step(list: Target[], chosen: string | null, by: 1 | -1): string | null {
  const free = list.filter((target) => target.free);
  const at = free.findIndex((target) => target.id === chosen);
  if (at < 0) return free[0]?.id ?? null;
  return free[Math.min(free.length - 1, Math.max(0, at + by))]?.id ?? null;
}
