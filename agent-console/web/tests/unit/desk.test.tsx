// The desk as a whole page, down to the line: what a key or a button of it sends to the server.
import { act } from "react";
import { beforeEach, expect, test, vi } from "vitest";
import rules from "../../../service/rules/outcomes-v2.json";
import DeskPage from "../../console/src/desk/Desk.tsx";
import type { LineHeard, Me, OutcomeTable } from "../../console/src/lib/types.ts";
import * as fixture from "../shots/fixture.ts";
import { answer, find, pages, press, settle, show } from "./mounted.tsx";

// A browser's own: keys that it keeps, and what only they open.
vi.mock("../../console/src/lib/session.ts", async (original) => ({
  ...(await original<object>()),
  sessionKey: async () => ({ kid: "kid-1", session_tag: "tag", pair: {} }),
}));
vi.mock("../../console/src/desk/envelope.ts", async (original) => ({
  ...(await original<object>()),
  openEnvelope: async () => fixture.workOrder("wo-1", []),
}));
// No microphone, no bell: nothing here is about the sound.
vi.mock("../../console/src/desk/media.ts", async (original) => ({
  ...(await original<object>()),
  AgentLeg: { prepare: () => new Promise(() => undefined) },
}));
vi.mock("../../console/src/desk/bell.ts", () => ({ ring: async () => undefined }));

class Socket {
  static readonly CONNECTING = 0;
  static readonly OPEN = 1;
  static last: Socket;
  readyState = Socket.CONNECTING;
  sent: Record<string, unknown>[] = [];
  onopen: () => void = () => undefined;
  onclose: ((event: { reason: string }) => void) | null = null;
  onmessage: (event: { data: string }) => void = () => undefined;
  constructor() {
    Socket.last = this;
  }
  send(text: string) {
    this.sent.push(JSON.parse(text));
  }
  close() {
    this.readyState = 3;
  }
}
class Beat {
  terminate() {}
}

pages();

beforeEach(() => {
  vi.stubGlobal("WebSocket", Socket);
  vi.stubGlobal("Worker", Beat);
  answer({
    "/api/v1/desk/transfer-targets": fixture.transferTargets,
    "/api/v1/outcomes": fixture.outcomes(rules as unknown as OutcomeTable),
  });
});

const code = { code: "C10", zh: "机器代接", en: "Answered by a machine" };
const heard = (more: Partial<LineHeard> = {}) => ({
  class: "voicemail",
  confidence: 91,
  place: "answered",
  from_ms: 6_600,
  to_ms: 10_200,
  text: null,
  test_model: false,
  state: "suggested",
  conflict: false,
  code,
  ...more,
});

const call = (more: object = {}) => ({
  call_id: "call-9",
  work_order: "wo-1",
  phone_id: "p1",
  phone_masked: "138****1234",
  phase: "talking",
  created_at: new Date().toISOString(),
  answered_at: new Date().toISOString(),
  talk_from_at: new Date().toISOString(),
  muted: false,
  recording: true,
  end: null,
  outcome_saved: false,
  held: false,
  away_until_at: null,
  resumable: false,
  party: "heard",
  parting: null,
  ticks: [],
  digits_in: "",
  wrap_up: null,
  end_reason: "",
  draft: null,
  ...more,
});

/** The desk with its line open and this call at hand. */
async function desk(more: object = {}): Promise<void> {
  await show(<DeskPage me={fixture.me("agent") as Me} onSignOut={() => undefined} />);
  await settle();
  await act(async () => {
    Socket.last.readyState = Socket.OPEN;
    Socket.last.onopen();
    const agent = { state: "calling", since_at: new Date().toISOString() };
    hear({ type: "snapshot", seq: 1, agent, work_order: { aad: "" }, call: call(more) });
  });
  await settle();
}

const hear = (frame: object) => Socket.last.onmessage({ data: JSON.stringify(frame) });
const sent = (type: string) => Socket.last.sent.filter((each) => each.type === type);
const key = (init: KeyboardEventInit) =>
  act(async () => void window.dispatchEvent(new KeyboardEvent("keydown", init)));
const alt = (letter: string) =>
  key({ code: `Key${letter}`, key: letter.toLowerCase(), altKey: true });

test("E44 Alt Y confirms what the line says, and Alt N refuses it", async () => {
  await desk({ heard: heard() });
  await alt("Y");
  await alt("N");
  expect(sent("judge")).toEqual([
    { type: "judge", call_id: "call-9", confirmed: true },
    { type: "judge", call_id: "call-9", confirmed: false },
  ]);
});

test("E44 a click on either button says the same as its key", async () => {
  await desk({ heard: heard() });
  await press(find("line-confirm"));
  await press(find("line-reject"));
  expect(sent("judge").map((each) => [each.call_id, each.confirmed])).toEqual([
    ["call-9", true],
    ["call-9", false],
  ]);
});

test("E44 what was judged is asked no more by a key, and can be taken back by a click", async () => {
  for (const [state, back] of [
    ["confirmed", false],
    ["rejected", true],
  ] as const) {
    await desk({ heard: heard({ state } as Partial<LineHeard>) });
    await alt("Y");
    await alt("N");
    expect(sent("judge"), state).toEqual([]);
    expect(find("line-confirm")).toBeNull();
    await press(find("line-undo"));
    expect(sent("judge"), state).toEqual([{ type: "judge", call_id: "call-9", confirmed: back }]);
    await show(null);
  }
});

test("E44 a person on the line, or a saved outcome, leaves the keys without a question", async () => {
  for (const more of [{ heard: heard({ class: "person", code: null }) }, {}]) {
    await desk(more);
    await alt("Y");
    await alt("N");
    expect(sent("judge")).toEqual([]);
    await show(null);
  }
  await desk({ heard: heard(), outcome_saved: true });
  await alt("Y");
  expect(sent("judge")).toEqual([]);
  expect(find("line-confirm")).toBeNull();
});

const chosen = () =>
  [...document.querySelectorAll<HTMLInputElement>(".options input:checked")]
    .map((input) => input.dataset.testid ?? "")
    .filter((id) => id.startsWith("business"))
    .join();
const table = rules as unknown as OutcomeTable;

test("every outcome is chosen by the key that stands beside it", async () => {
  await desk();
  await key({ key: "1" });
  const labels = [...document.querySelectorAll(".options label")];
  expect(labels.length).toBe(table.businesses.length);
  for (const label of labels) {
    const input = label.querySelector("input");
    const keys = label.querySelector("kbd")?.textContent ?? "";
    expect(keys).toMatch(/^-?[1-9]$/);
    if (input?.disabled) continue;
    for (const each of keys) await key({ key: each });
    expect(chosen(), keys).toBe(input?.dataset.testid);
  }
});

test("minus waits for a digit, says so, and is over with any other key or in a field", async () => {
  await desk();
  await key({ key: "1" });
  await key({ key: "-" });
  expect(document.querySelector(".begun")?.textContent).toContain("再按一个数字");
  await key({ key: "Escape" });
  expect(document.querySelector(".begun")).toBeNull();
  await key({ key: "3" });
  expect(chosen()).toBe("business-B03");
  await act(async () => (find("note") as HTMLElement).focus());
  await key({ key: "-" });
  await key({ key: "1" });
  expect(chosen()).toBe("business-B03");
  expect(document.querySelector(".begun")).toBeNull();
});

for (const [button, mode] of [
  ["transfer-three-way", "three_way"],
  ["transfer-blind", "blind"],
  ["transfer-attended", "attended"],
] as const) {
  test(`R4.1a the button ${button} hands the call to whom was chosen, as ${mode}`, async () => {
    await desk();
    await alt("Z");
    await settle();
    await press(find("target-A0003"));
    expect(sent("transfer"), "to choose is to ask for nothing yet").toEqual([]);
    await press(find(button));
    expect(sent("transfer")).toEqual([
      { type: "transfer", call_id: "call-9", mode, to: { kind: "seat", id: "u-zhao" } },
    ]);
  });
}

test("R4.1a nobody who is busy is handed a call, and nobody free leaves nothing to press", async () => {
  const { seats, phones } = fixture.transferTargets;
  const busy = (each: object) => ({ ...each, free: false });
  answer({
    "/api/v1/desk/transfer-targets": { seats: seats.map(busy), phones: phones.map(busy) },
  });
  await desk();
  await alt("Z");
  await settle();
  for (const id of ["transfer-three-way", "transfer-blind", "transfer-attended"]) {
    expect(find(id)?.hasAttribute("disabled"), id).toBe(true);
    await press(find(id));
  }
  expect(sent("transfer")).toEqual([]);
});
