// To whom a call may be handed, and what the desk knows of one that is.
import { expect, test } from "vitest";
import { type Frame, nothing, reduce, takes } from "../../console/src/desk/state.ts";
import { found, step } from "../../console/src/desk/targets.ts";

const targets = {
  seats: [
    { id: "u1", name: "陈静", staff_no: "1002", state: "calling", free: false },
    { id: "u2", name: "赵磊", staff_no: "1027", state: "ready", free: true },
  ],
  phones: [
    { id: "p1", name: "值班室", extension: "801", free: true },
    { id: "p2", name: "立案庭", extension: "802", free: false },
  ],
};

test("the free ones stand first, each with what it is doing", () => {
  const list = found(targets, "");
  expect(list.map((target) => target.id)).toEqual(["u2", "p1", "u1", "p2"]);
  expect(list.map((target) => target.state)).toEqual([
    "ready",
    "registered",
    "calling",
    "unregistered",
  ]);
});

test("name, staff number and extension are searched", () => {
  expect(found(targets, " 赵").map((target) => target.id)).toEqual(["u2"]);
  expect(found(targets, "80").map((target) => target.id)).toEqual(["p1", "p2"]);
  expect(found(targets, "1002").map((target) => target.free)).toEqual([false]);
});

test("arrows go over the free ones only and stop at both ends", () => {
  const list = found(targets, "");
  expect(step(list, null, 1)).toBe("u2");
  expect(step(list, "u2", 1)).toBe("p1");
  expect(step(list, "p1", 1)).toBe("p1");
  expect(step(list, "u2", -1)).toBe("u2");
  expect(step(found(targets, "1002"), null, 1)).toBeNull();
});

test("a colleague's call is shown until it is gone, and only its own end ends it", () => {
  const frame = (state: typeof nothing, f: Frame) =>
    reduce(state, { kind: "frame", frame: f, now: 0 });
  const offer = { type: "transfer_offer", call_id: "c1", phase: "ringing", envelope: null };
  let state = frame(nothing, { ...offer, seq: 1 });
  expect(state.handed?.phase).toBe("ringing");
  state = frame(state, { ...offer, seq: 2, phase: "consulting" });
  state = frame(state, { type: "transfer_gone", seq: 3, call_id: "c2", reason: "hung_up" });
  expect(state.handed?.phase).toBe("consulting");
  state = frame(state, { type: "transfer_gone", seq: 4, call_id: "c1", reason: "accepted" });
  expect(state.handed).toBeNull();
});

test("a line that was lost while a call was being taken leaves the page free for the next one", () => {
  const snapshot = (offer: unknown): Frame => ({ type: "snapshot", seq: 1, transfer_offer: offer });
  expect(takes({ type: "call", seq: 2 }, true)).toBe(true);
  expect(takes(snapshot(null), true)).toBe(false);
  expect(takes(snapshot({ call_id: "c1", phase: "ringing" }), true)).toBe(false);
  expect(takes(snapshot({ call_id: "c1", phase: "consulting" }), false)).toBe(true);
  expect(takes({ type: "incoming_gone", seq: 2, call_id: "c1", reason: "accepted" }, true)).toBe(
    false,
  );
});

test("a snapshot tells a transfer on both sides", () => {
  const state = reduce(nothing, {
    kind: "frame",
    now: 0,
    frame: {
      type: "snapshot",
      seq: 1,
      agent: { state: "ready", since_at: "" },
      call: null,
      transfer_offer: { call_id: "c1", phase: "ringing" },
    },
  });
  expect(state.handed?.call_id).toBe("c1");
});
