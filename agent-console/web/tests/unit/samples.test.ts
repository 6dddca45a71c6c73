// What the network did is sent in batches, and never with another call.
import { expect, test } from "vitest";
import { judgeNetwork, type Network } from "../../console/src/desk/media.ts";
import { SampleBox } from "../../console/src/desk/samples.ts";

const sample = (n: number): Network => ({
  at: `2026-11-27T09:00:0${n}.000Z`,
  quality: "good",
  rtt_ms: n,
  jitter_ms: 1,
  loss: 0,
});

test("five looks of two seconds are one batch of a call", () => {
  const sent: Record<string, unknown>[] = [];
  const box = new SampleBox((command) => sent.push(command));
  for (let n = 0; n < 4; n += 1) box.add("c1", sample(n));
  expect(sent).toEqual([]);
  box.add("c1", sample(4));
  expect(sent[0]).toMatchObject({ type: "samples", call_id: "c1" });
  expect(sent[0]?.items).toHaveLength(5);
});

test("samples of one call are no other call's, and of no call are dropped", () => {
  const sent: Record<string, unknown>[] = [];
  const box = new SampleBox((command) => sent.push(command));
  for (let n = 0; n < 4; n += 1) box.add("c1", sample(n));
  box.add(null, sample(4));
  for (let n = 0; n < 5; n += 1) box.add("c2", sample(n));
  expect(sent).toHaveLength(1);
  expect(sent[0]).toMatchObject({ call_id: "c2" });
});

test("what is left at the end of a call is sent once", () => {
  const sent: Record<string, unknown>[] = [];
  const box = new SampleBox((command) => sent.push(command));
  box.add("c1", sample(1));
  box.flush();
  box.flush();
  expect(sent).toHaveLength(1);
});

test("three words for a network", () => {
  expect(judgeNetwork(40, 5, 0)).toBe("good");
  expect(judgeNetwork(250, 5, 0)).toBe("fair");
  expect(judgeNetwork(40, 35, 0.02)).toBe("fair");
  expect(judgeNetwork(40, 5, 0.08)).toBe("poor");
});
