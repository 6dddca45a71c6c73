// The line of a tab: what it says first, when it gives a connection up, when it comes back.
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Line, type LineState } from "../../console/src/desk/line.ts";

class Socket {
  static readonly CONNECTING = 0;
  static readonly OPEN = 1;
  static all: Socket[] = [];
  readyState = Socket.CONNECTING;
  sent: Record<string, unknown>[] = [];
  onopen: () => void = () => undefined;
  onclose: ((event: { reason: string }) => void) | null = null;
  onmessage: (event: { data: string }) => void = () => undefined;
  constructor() {
    Socket.all.push(this);
  }
  send(text: string) {
    this.sent.push(JSON.parse(text));
  }
  close(reason = "") {
    this.readyState = 3;
    this.onclose?.({ reason });
  }
  open() {
    this.readyState = Socket.OPEN;
    this.onopen();
  }
  hear(frame: object) {
    this.onmessage({ data: JSON.stringify(frame) });
  }
}

let beat: (() => void) | null = null;
class Beat {
  set onmessage(listener: () => void) {
    beat = listener;
  }
  terminate() {
    beat = null;
  }
}

let states: LineState[] = [];
let frames: string[] = [];
let sounds = false;
let line: Line | null = null;

function newLine(takeOver = false): Socket {
  line = new Line("kid-1", takeOver, {
    frame: (frame) => frames.push(frame.type),
    state: (state) => states.push(state),
    sounds: () => sounds,
  });
  return last();
}
const last = () => Socket.all.at(-1) as Socket;

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("WebSocket", Socket);
  vi.stubGlobal("Worker", Beat);
  Socket.all = [];
  states = [];
  frames = [];
  sounds = false;
  sessionStorage.clear();
});

afterEach(() => {
  line?.close();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

test("it says which tab it is and whether sound flows, and asks to take over only once", () => {
  const first = newLine(true);
  first.open();
  const hello = first.sent[0];
  expect(hello).toMatchObject({ type: "hello", kid: "kid-1", take_over: true, sound: false });
  first.hear({ type: "snapshot", seq: 1 });
  expect(line?.isOpen).toBe(true);
  sounds = true;
  first.close();
  vi.advanceTimersByTime(1_000);
  last().open();
  expect(last().sent[0]).toMatchObject({ tab: hello?.tab, take_over: false, sound: true });
});

test("another machine at work leaves the line open until somebody takes over", () => {
  const socket = newLine();
  socket.open();
  socket.hear({ type: "occupied", seq: 1, in_call: true });
  expect(states.at(-1)).toBe("occupied");
  expect(line?.isOpen).toBe(false);
  line?.takeOver();
  expect(socket.sent.at(-1)).toMatchObject({ type: "hello", take_over: true });
});

test("a connection that does not come up is tried anew, and soon", () => {
  newLine();
  vi.advanceTimersByTime(4_000);
  expect(states.at(-1)).toBe("lost");
  vi.advanceTimersByTime(1_000);
  expect(Socket.all).toHaveLength(2);
});

test("pauses grow to two seconds and no further: a party may be waiting", () => {
  newLine();
  for (let n = 0; n < 6; n += 1) {
    last().close();
    vi.advanceTimersByTime(2_500);
  }
  expect(Socket.all.length).toBe(7);
});

test("a line that was silent for long is given up, whatever the socket believes", () => {
  const socket = newLine();
  socket.open();
  socket.hear({ type: "snapshot", seq: 1 });
  vi.advanceTimersByTime(14_000);
  beat?.();
  expect(socket.sent.at(-1)).toEqual({ type: "ping" });
  vi.advanceTimersByTime(2_000);
  beat?.();
  expect(states.at(-1)).toBe("lost");
});

test("when the network is back a dead connection is not waited for", () => {
  const socket = newLine();
  socket.open();
  socket.hear({ type: "snapshot", seq: 1 });
  vi.advanceTimersByTime(1_000);
  window.dispatchEvent(new Event("online"));
  vi.advanceTimersByTime(500);
  socket.hear({ type: "pong" });
  vi.advanceTimersByTime(2_000);
  expect(line?.isOpen).toBe(true);
  window.dispatchEvent(new Event("online"));
  vi.advanceTimersByTime(1_600);
  expect(line?.isOpen).toBe(false);
  vi.advanceTimersByTime(1_000);
  expect(Socket.all).toHaveLength(2);
});

test("who was replaced does not come back by himself", () => {
  const socket = newLine();
  socket.open();
  socket.hear({ type: "bye", seq: 2, reason: "replaced" });
  socket.close();
  vi.advanceTimersByTime(60_000);
  expect(Socket.all).toHaveLength(1);
  expect(states.at(-1)).toBe("replaced");
  line?.takeOver();
  expect(Socket.all).toHaveLength(2);
});

test("a line whose session is over asks for a sign-in and knocks no more", () => {
  const socket = newLine();
  socket.open();
  socket.close("session over");
  vi.advanceTimersByTime(60_000);
  expect(frames).toEqual(["session_expired"]);
  expect(Socket.all).toHaveLength(1);
});
