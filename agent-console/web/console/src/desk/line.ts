// The one WebSocket of a tab. It says hello, pings, and comes back by itself with growing
// pauses; whatever was missed is in the snapshot that answers the hello.

import type { Frame } from "./state.ts";

export type LineState = "connecting" | "open" | "occupied" | "lost" | "replaced";

export interface LineEvents {
  /** Whether the sound of a call flows: a line that comes back says so. */
  sounds: () => boolean;
  frame: (frame: Frame) => void;
  state: (state: LineState) => void;
}

/** Without any frame for this long the line is dead, whatever the socket believes. */
const SILENT_MS = 15_000;
/** A connection that is not up after this time is tried anew. */
const CONNECT_MS = 4_000;
/** After the network came back an answer must come within this time. */
const PROBE_MS = 1_500;
const FIRST_PAUSE_MS = 500;
/** A party may be waiting. */
const LONGEST_PAUSE_MS = 2_000;
/** Why the server closes a line whose session is over. */
const SESSION_OVER = "session over";
const TAB = "songda.tab";

/** Name of this tab; it outlives a reload and is no other tab's. */
function tabName(): string {
  const kept = sessionStorage.getItem(TAB) ?? crypto.randomUUID();
  sessionStorage.setItem(TAB, kept);
  return kept;
}

export class Line {
  readonly #kid: string;
  readonly #events: LineEvents;
  readonly #beat: Worker;
  readonly #online = () => this.#hurry();
  #socket: WebSocket | null = null;
  #pause = FIRST_PAUSE_MS;
  #retry: number | undefined;
  #probe: number | undefined;
  #heard = 0;
  #attached = false;
  #closed = false;
  #takeOver: boolean;

  constructor(kid: string, takeOver: boolean, events: LineEvents) {
    this.#kid = kid;
    this.#takeOver = takeOver;
    this.#events = events;
    this.#beat = new Worker(new URL("./beat.worker.ts", import.meta.url), { type: "module" });
    this.#beat.onmessage = () => this.#pulse();
    window.addEventListener("online", this.#online);
    this.#connect();
  }

  /** Whether the server knows this page as the one at work. */
  get isOpen(): boolean {
    return this.#attached && this.#socket?.readyState === WebSocket.OPEN;
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
    window.clearTimeout(this.#probe);
    window.removeEventListener("online", this.#online);
    this.#beat.terminate();
    this.#socket?.close();
  }

  /** Takes the desk from another machine, or back after it was taken. */
  takeOver(): void {
    this.#takeOver = true;
    if (this.#socket?.readyState === WebSocket.OPEN) {
      this.#hello(this.#socket);
      return;
    }
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
      this.#hello(socket);
    };
    socket.onmessage = (event) => this.#receive(socket, event.data);
    socket.onclose = (event) => {
      if (event.reason === SESSION_OVER && !this.#closed) this.#expired();
      this.#lost(socket);
    };
    window.clearTimeout(this.#probe);
    this.#probe = window.setTimeout(() => {
      if (socket.readyState === WebSocket.CONNECTING) this.#drop(socket);
    }, CONNECT_MS);
  }

  #hello(socket: WebSocket): void {
    const who = { kid: this.#kid, tab: tabName(), take_over: this.#takeOver };
    socket.send(JSON.stringify({ type: "hello", ...who, sound: this.#events.sounds() }));
  }

  #receive(socket: WebSocket, data: unknown): void {
    if (socket !== this.#socket || typeof data !== "string") return;
    this.#heard = Date.now();
    const frame = parse(data);
    if (!frame) return;
    if (frame.type === "snapshot") {
      this.#pause = FIRST_PAUSE_MS;
      this.#attached = true;
      // Said once: a line that comes back later asks again.
      this.#takeOver = false;
      this.#events.state("open");
    }
    if (frame.type === "occupied") this.#events.state("occupied");
    if (frame.type === "bye") this.#closed = true;
    this.#events.frame(frame);
  }

  #pulse(): void {
    const socket = this.#socket;
    if (!socket || socket.readyState !== WebSocket.OPEN) return;
    if (Date.now() - this.#heard > SILENT_MS) {
      this.#drop(socket);
      return;
    }
    this.send({ type: "ping" });
  }

  /** The network is back: nobody waits for the rest of a pause, nor for a dead connection. */
  #hurry(): void {
    if (this.#closed) return;
    this.#pause = FIRST_PAUSE_MS;
    const socket = this.#socket;
    if (socket?.readyState === WebSocket.OPEN) {
      const asked = Date.now();
      this.send({ type: "ping" });
      window.clearTimeout(this.#probe);
      this.#probe = window.setTimeout(() => {
        if (socket === this.#socket && this.#heard < asked) this.#drop(socket);
      }, PROBE_MS);
      return;
    }
    window.clearTimeout(this.#retry);
    if (socket) socket.onclose = null;
    socket?.close();
    this.#connect();
  }

  /** Nobody is let in before somebody signed in again; that makes a new line. */
  #expired(): void {
    this.#closed = true;
    this.#events.frame({ type: "session_expired" });
  }

  #drop(socket: WebSocket): void {
    // close() alone can wait minutes for a peer that is gone.
    socket.onclose = null;
    socket.close();
    this.#lost(socket);
  }

  #lost(socket: WebSocket): void {
    if (socket !== this.#socket) return;
    this.#socket = null;
    this.#attached = false;
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
