// What the desk knows, as a pure function of the frames that came in.
//
// Each frame carries a sequence number; one that is not newer than the last is dropped, and
// a snapshot replaces everything and starts the count anew (a new line counts from one).

import type {
  AgentState,
  CallState,
  DeskSettings,
  Envelope,
  HandedCall,
  IncomingCall,
  OwedCall,
} from "../lib/types.ts";

export interface DeskState {
  seq: number;
  /** The server's clock minus ours, milliseconds; running timers use it. */
  offset: number;
  known: boolean;
  agent: { state: AgentState; since_at: string };
  envelope: Envelope | null;
  call: CallState | null;
  /** A call that rings here. */
  incoming: IncomingCall | null;
  /** A colleague's call that rings or is talked over here. */
  handed: HandedCall | null;
  today: { answered: number; closed: number };
  queue: { ready: number; later: number; next_at: string | null };
  error: DeskError | null;
  closed: { work_order: string; reason: string } | null;
  bye: string | null;
  /** 待补录: calls whose outcome waits. */
  owed: OwedCall[];
  settings: DeskSettings;
  /** Entry script of the console that the server carries. */
  build: string | null;
  clock: { trusted: boolean; offset_ms: number };
  /** The server was told to end: no new work, and what is at hand is finished. */
  closing: boolean;
  /** The session is over; the call goes on, and somebody must sign in again. */
  session_expired: boolean;
  /** The last thing to know that is no error. */
  notice: { code: string; at: number } | null;
  /** Another machine has the desk. */
  occupied: { in_call: boolean; since_at: string } | null;
}

export interface DeskError {
  code: string;
  detail: string;
  call_id: string | null;
  at: number;
}

export const nothing: DeskState = {
  seq: 0,
  offset: 0,
  known: false,
  agent: { state: "offline", since_at: "" },
  envelope: null,
  call: null,
  incoming: null,
  handed: null,
  today: { answered: 0, closed: 0 },
  queue: { ready: 0, later: 0, next_at: null },
  error: null,
  closed: null,
  bye: null,
  owed: [],
  settings: { wrap_up: { policy: "time_boxed", seconds: 0 }, languages: ["zh"] },
  build: null,
  clock: { trusted: true, offset_ms: 0 },
  closing: false,
  session_expired: false,
  notice: null,
  occupied: null,
};

export type Frame = { type: string; seq?: number; at?: string } & Record<string, unknown>;

export type DeskAction =
  | { kind: "frame"; frame: Frame; now: number }
  | { kind: "error"; code: string; detail: string; now: number }
  | { kind: "error_read" }
  | { kind: "signed_in" }
  | { kind: "outcome_saved"; call_id: string };

export function reduce(state: DeskState, action: DeskAction): DeskState {
  switch (action.kind) {
    case "frame":
      return onFrame(state, action.frame, action.now);
    case "error":
      return {
        ...state,
        error: { code: action.code, detail: action.detail, call_id: null, at: action.now },
      };
    case "error_read":
      return { ...state, error: null };
    case "signed_in":
      return { ...state, session_expired: false };
    case "outcome_saved":
      return state.call?.call_id === action.call_id
        ? { ...state, call: { ...state.call, outcome_saved: true } }
        : state;
  }
}

/** Whether the call that this page takes still comes to it. What a new line does not tell of in its
 * snapshot was forgotten with the old one. */
export function takes(frame: Frame, before: boolean): boolean {
  switch (frame.type) {
    case "snapshot": {
      const handed = frame.transfer_offer as HandedCall | null | undefined;
      return handed !== null && handed !== undefined && handed.phase !== "ringing";
    }
    case "incoming_gone":
    case "transfer_gone":
    case "bye":
      return false;
    default:
      return before;
  }
}

function onFrame(before: DeskState, frame: Frame, now: number): DeskState {
  if (frame.type === "pong") return before;
  const snapshot = frame.type === "snapshot";
  const seq = typeof frame.seq === "number" ? frame.seq : before.seq + 1;
  if (!snapshot && seq <= before.seq) return before;
  const at = typeof frame.at === "string" ? Date.parse(frame.at) : Number.NaN;
  const state = { ...before, seq, offset: Number.isNaN(at) ? before.offset : at - now };
  switch (frame.type) {
    case "snapshot":
      return {
        ...state,
        known: true,
        agent: frame.agent as DeskState["agent"],
        envelope: (frame.work_order as Envelope | null) ?? null,
        call: (frame.call as CallState | null) ?? null,
        incoming: (frame.incoming as IncomingCall | null) ?? null,
        handed: (frame.transfer_offer as HandedCall | null) ?? null,
        today: (frame.today as DeskState["today"]) ?? nothing.today,
        queue: { ...nothing.queue, ...(frame.queue as object) },
        owed: (frame.owed as OwedCall[] | undefined) ?? [],
        settings: { ...nothing.settings, ...(frame.settings as object) },
        build: typeof frame.build === "string" ? frame.build : null,
        clock: { ...nothing.clock, ...(frame.clock as object) },
        closing: frame.closing === true,
        bye: null,
        session_expired: false,
        occupied: null,
      };
    case "occupied":
      return {
        ...state,
        occupied: { in_call: frame.in_call === true, since_at: String(frame.since_at ?? "") },
      };
    case "owed":
      return { ...state, owed: (frame.items as OwedCall[] | undefined) ?? [] };
    case "closing":
      return { ...state, closing: true };
    case "session_expired":
      return { ...state, session_expired: true };
    case "agent":
      return {
        ...state,
        agent: { state: frame.state as AgentState, since_at: String(frame.since_at ?? "") },
      };
    case "queue":
      return {
        ...state,
        queue: {
          ready: Number(frame.ready ?? 0),
          later: Number(frame.later ?? 0),
          next_at: typeof frame.next_at === "string" ? frame.next_at : null,
        },
      };
    case "incoming":
      return { ...state, incoming: frame as unknown as IncomingCall };
    case "incoming_gone":
      return state.incoming?.call_id === frame.call_id ? { ...state, incoming: null } : state;
    case "transfer_offer":
      return { ...state, handed: frame as unknown as HandedCall };
    case "transfer_gone":
      return state.handed?.call_id === frame.call_id ? { ...state, handed: null } : state;
    case "work_order": {
      // A renewed envelope of the same order comes in during its call; the call stays. One that
      // ended while there was no order is no call of this party.
      const stray = state.envelope === null && !isLive(state.call);
      const call = stray ? null : state.call;
      return { ...state, envelope: frame.envelope as Envelope, call, closed: null };
    }
    case "work_order_closed":
      return {
        ...state,
        envelope: null,
        call: null,
        error: null,
        closed: { work_order: String(frame.work_order ?? ""), reason: String(frame.reason ?? "") },
      };
    case "call":
      return onCall(state, frame as unknown as CallState);
    case "quality":
      if (!state.call || state.call.call_id !== frame.call_id) return state;
      return { ...state, call: { ...state.call, quality: frame.quality as CallState["quality"] } };
    case "today":
      return {
        ...state,
        today: { answered: Number(frame.answered ?? 0), closed: Number(frame.closed ?? 0) },
      };
    case "notice":
      return { ...state, notice: { code: String(frame.code ?? ""), at: now } };
    case "error":
      // The call itself shows that its sound is gone, and that it came back.
      if (frame.code === "call.browser_lost") return state;
      return {
        ...state,
        error: {
          code: String(frame.code ?? "unknown"),
          detail: String(frame.detail ?? ""),
          call_id: typeof frame.call_id === "string" ? frame.call_id : null,
          at: now,
        },
      };
    case "bye":
      return { ...state, bye: String(frame.reason ?? "") };
    default:
      return state;
  }
}

function onCall(state: DeskState, call: CallState): DeskState {
  // A new attempt clears what went wrong with the one before.
  const error = state.call?.call_id === call.call_id ? state.error : null;
  return { ...state, call, error };
}

/** Whether a line is up or on its way up. */
export function isLive(call: CallState | null): boolean {
  return call !== null && call.phase !== "ended";
}

/** Whether the party answered. */
export function wasAnswered(call: CallState | null): boolean {
  return call !== null && call.answered_at !== null;
}
