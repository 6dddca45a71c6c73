// The desk follows the frames of the server, in order, and believes the last snapshot.
import { expect, test } from "vitest";
import { type DeskState, type Frame, nothing, reduce } from "../../console/src/desk/state.ts";

const NOW = 1_000_000;
const frame = (state: DeskState, f: Frame) => reduce(state, { kind: "frame", frame: f, now: NOW });
const call = { type: "call", call_id: "c1", phase: "ringing", answered_at: null, end: null };
const snapshot = {
  type: "snapshot",
  seq: 1,
  at: new Date(NOW + 2_000).toISOString(),
  agent: { state: "ready", since_at: "2026-11-24T09:00:00+08:00" },
  work_order: null,
  call: null,
  today: { answered: 3, closed: 2 },
  queue: { ready: 4, later: 1 },
};

test("a snapshot replaces everything and keeps the offset to the server's clock", () => {
  const old = { ...nothing, seq: 90, closed: { work_order: "w", reason: "saved" } };
  const state = frame(old, snapshot);
  expect(state).toMatchObject({ seq: 1, known: true, offset: 2_000, agent: { state: "ready" } });
  expect(state.queue).toEqual({ ready: 4, later: 1, next_at: null });
  expect(state.closed?.reason).toBe("saved");
});

test("a frame that is not newer than the last is dropped", () => {
  const state = frame(frame(nothing, snapshot), { ...call, seq: 3 });
  expect(frame(state, { ...call, seq: 3, phase: "talking" }).call?.phase).toBe("ringing");
  expect(frame(state, { ...call, seq: 2, phase: "talking" })).toBe(state);
  expect(frame(state, { ...call, seq: 4, phase: "talking" }).call?.phase).toBe("talking");
});

test("a new call clears the error of the one before, its own frames do not", () => {
  let state = frame(frame(nothing, snapshot), { ...call, seq: 2 });
  state = frame(state, { type: "error", seq: 3, code: "dial.trunk_down", detail: "" });
  state = frame(state, { ...call, seq: 4, phase: "ended" });
  expect(state.error?.code).toBe("dial.trunk_down");
  expect(frame(state, { ...call, seq: 5, call_id: "c2" }).error).toBeNull();
});

test("closing a work order takes the call and the envelope away", () => {
  let state = frame(frame(nothing, snapshot), { ...call, seq: 2 });
  state = frame(state, { type: "work_order_closed", seq: 3, work_order: "wo", reason: "saved" });
  expect(state).toMatchObject({ call: null, envelope: null, closed: { reason: "saved" } });
});

test("an unknown frame moves only the count, a pong not even that", () => {
  const state = frame(nothing, snapshot);
  expect(frame(state, { type: "caption", seq: 2 })).toEqual({ ...state, seq: 2 });
  expect(frame(state, { type: "pong" })).toBe(state);
});

test("a saved outcome marks only its own call", () => {
  const state = frame(frame(nothing, snapshot), { ...call, seq: 2 });
  expect(reduce(state, { kind: "outcome_saved", call_id: "other" })).toBe(state);
  const saved = reduce(state, { kind: "outcome_saved", call_id: "c1" });
  expect(saved.call?.outcome_saved).toBe(true);
});

test("what waits, what the court settled and which console the server has come with the snapshot", () => {
  const owed = [{ call_id: "c9" }];
  const settings = { wrap_up: { policy: "time_boxed", seconds: 60 }, languages: ["zh", "en"] };
  let state = frame(nothing, { ...snapshot, owed, settings, build: "/assets/a.js" });
  expect(state).toMatchObject({ owed, settings, build: "/assets/a.js", occupied: null });
  state = frame(state, { type: "owed", seq: 2, items: [] });
  expect(state.owed).toEqual([]);
});

test("a session that is over in a call is said until somebody signed in again", () => {
  let state = frame(frame(nothing, snapshot), { ...call, seq: 2 });
  state = frame(state, { type: "session_expired", seq: 3 });
  expect(state).toMatchObject({ session_expired: true, call: { call_id: "c1" } });
  expect(reduce(state, { kind: "signed_in" }).session_expired).toBe(false);
});

test("another machine at work is named until the desk is taken over", () => {
  const since_at = "2026-11-24T09:00:00+08:00";
  const asked = frame(nothing, { type: "occupied", seq: 1, in_call: true, since_at });
  expect(asked.occupied).toEqual({ in_call: true, since_at });
  expect(frame(asked, snapshot).occupied).toBeNull();
});

test("what is good to know is told once, and a sound that is gone is no error of its own", () => {
  let state = frame(frame(nothing, snapshot), { ...call, seq: 2 });
  state = frame(state, { type: "error", seq: 3, code: "call.browser_lost", detail: "" });
  expect(state.error).toBeNull();
  state = frame(state, { type: "notice", seq: 4, code: "call.agent_back" });
  expect(state.notice).toEqual({ code: "call.agent_back", at: NOW });
});

test("a server that goes down is told of, and the snapshot of the next one takes it back", () => {
  const closing = frame(frame(nothing, snapshot), { type: "closing", seq: 2 });
  expect(closing.closing).toBe(true);
  expect(frame(closing, { ...snapshot, closing: true }).closing).toBe(true);
  expect(frame(closing, snapshot).closing).toBe(false);
});

test("the ended call of a stranger is no call of the next party", () => {
  const order = (seq: number): Frame => ({ type: "work_order", seq, envelope: { v: 1 } });
  let state = frame(nothing, { ...call, seq: 1, phase: "talking" });
  expect(frame(state, order(2)).call?.call_id).toBe("c1");
  state = frame(state, { ...call, seq: 2, phase: "ended" });
  expect(frame(state, order(3)).call).toBeNull();
  // An envelope that is renewed while the outcome is filled in is of the same order.
  state = frame(frame(nothing, order(1)), { ...call, seq: 2, phase: "ended" });
  expect(frame(state, order(3)).call?.call_id).toBe("c1");
});

test("the quality of a call is that of the last five seconds, and only of the call that is up", () => {
  const leg = { mos: 4.3, loss: 0, jitter_ms: 2, rtt_ms: 30 };
  const quality = { agent: leg, party: { ...leg, mos: 2.9 } };
  const state = frame(frame(nothing, snapshot), { ...call, seq: 2 });
  const heard = frame(state, { type: "quality", seq: 3, call_id: "c1", quality });
  expect(heard.call?.quality?.party?.mos).toBe(2.9);
  expect(heard.call?.phase).toBe("ringing");
  expect(
    frame(state, { type: "quality", seq: 3, call_id: "c0", quality }).call?.quality,
  ).toBeUndefined();
});
