// A call of the list 待补录, as the outcome form knows a call.

import type { CallState, OwedCall } from "../lib/types.ts";

/** Technical code of a call that was answered. */
const ANSWERED = "C01";

export function asCall(owed: OwedCall): CallState {
  const answered = owed.technical.code === ANSWERED ? owed.ended_at : null;
  return {
    call_id: owed.call_id,
    work_order: "",
    phone_id: "",
    phone_masked: owed.phone_masked,
    phase: "ended",
    created_at: owed.ended_at,
    answered_at: answered,
    talk_from_at: answered,
    muted: false,
    recording: false,
    end: {
      by: "system",
      technical: owed.technical,
      is_attempt: true,
      talk_ms: owed.talk_ms,
      recorded: answered !== null,
    },
    outcome_saved: false,
    held: false,
    away_until_at: null,
    resumable: false,
    recording_started_at: null,
    party: "heard",
    parting: null,
    ticks: owed.ticks,
    digits_in: "",
    wrap_up: null,
    end_reason: owed.end_reason,
    draft: null,
  };
}
