// The one WebSocket of a tab. It says hello, pings, and comes back by itself with growing
// pauses; whatever was missed is in the snapshot that answers the hello.

import type { Frame } from "./state.ts";

export type LineState = "connecting" | "open" | "lost" | "replaced";

export interface LineEvents {
  frame: (frame: Frame) => void;
  state: (state: LineState) => void;
}

const PING_MS = 5_000;
/** Without any frame for this long the line is dead, whatever the socket believes. */
const SILENT_MS = 15_000;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 10_000;

export class Line {
  readonly #kid: string;
  readonly #events: LineEvents;
  #socket: WebSocket | null = null;
  #pause = FIRST_PAUSE_MS;
  #retry: number | undefined;
  #ping: number | undefined;
  #heard = 0;
  #closed = false;

  constructor(kid: string, events: LineEvents) {
    this.#kid = kid;
    this.#events = events;
    this.#connect();
  }

  /** Sends a command; false where the line is down, and nothing is kept for later. */
  send(command: Record<string, unknown>): boolean {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify(command));
    return true;
  }

  close(): void {
    this.#closed = true;
    window.clearTimeout(this.#retry);
    window.clearInterval(this.#ping);
    this.#socket?.close();
  }

  /** Takes the desk back after another window had it. */
  takeOver(): void {
    this.#closed = false;
    this.#pause = FIRST_PAUSE_MS;
    this.#connect();
  }

  #connect(): void {
    if (this.#closed) return;
    this.#events.state("connecting");
    const scheme = window.location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${window.location.host}/api/v1/desk/ws`);
    this.#socket = socket;
    socket.onopen = () => {
      this.#heard = Date.now();
      socket.send(JSON.stringify({ type: "hello", kid: this.#kid }));
      window.clearInterval(this.#ping);
      this.#ping = window.setInterval(() => this.#beat(socket), PING_MS);
    };
    socket.onmessage = (event) => this.#receive(socket, event.data);
    socket.onclose = () => this.#lost(socket);
  }

  #receive(socket: WebSocket, data: unknown): void {
    if (socket !== this.#socket || typeof data !== "string") return;
    this.#heard = Date.now();
    const frame = parse(data);
    if (!frame) return;
    if (frame.type === "snapshot") {
      this.#pause = FIRST_PAUSE_MS;
      this.#events.state("open");
    }
    if (frame.type === "bye") this.#closed = true;
    this.#events.frame(frame);
  }

  #beat(socket: WebSocket): void {
    if (Date.now() - this.#heard > SILENT_MS) {
      // close() alone can wait minutes for a peer that is gone.
      socket.onclose = null;
      socket.close();
      this.#lost(socket);
      return;
    }
    this.send({ type: "ping" });
  }

  #lost(socket: WebSocket): void {
    if (socket !== this.#socket) return;
    window.clearInterval(this.#ping);
    this.#socket = null;
    if (this.#closed) {
      this.#events.state("replaced");
      return;
    }
    this.#events.state("lost");
    const pause = this.#pause * (0.75 + Math.random() / 2);
    this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE_MS);
    this.#retry = window.setTimeout(() => this.#connect(), pause);
  }
}

function parse(data: string): Frame | null {
  try {
    const value = JSON.parse(data) as Frame;
    return typeof value?.type === "string" ? value : null;
  } catch {
    return null;
  }
}
