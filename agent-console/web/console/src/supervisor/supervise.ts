// A supervisor's place in one live call: a line that says which call and what he does in it, and
// a leg that he hears by. The microphone is asked for when he speaks, and let go when he does not.

import { playOn } from "../desk/devices.ts";
import { openMicrophone, telephoneCodecs } from "../desk/media.ts";

export type Watching = "listen" | "whisper" | "barge";

export interface Place {
  call_id: string;
  /** Whose call it was when he came, for people. */
  agent: string;
  /** What was asked for last. */
  what: Watching;
  /** What is so; nothing until the sound is up. */
  on: Watching | null;
  /** From when on he is in the call, by our clock. */
  since: number | null;
}

export interface SuperviseEvents {
  place: (place: Place | null) => void;
  /** Why it did not come about, or ended: a code. */
  over: (code: string) => void;
}

/** He hears the call within this time, or is told that it did not come about. */
const COMES_MS = 15_000;
/** The close code of a session that is over. */
const SIGNED_OUT = 4401;

export class Supervisor {
  readonly #audio: () => HTMLAudioElement | null;
  readonly #raw: boolean;
  readonly #events: SuperviseEvents;
  readonly #beat: Worker;
  #socket: WebSocket | null = null;
  #peer: RTCPeerConnection | null = null;
  #microphone: MediaStream | null = null;
  #place: Place | null = null;
  /** Counts what he wanted: whatever still goes on for a wish before the last one comes to nothing. */
  #wish = 0;
  #late: ReturnType<typeof setTimeout> | undefined;
  readonly #goes = (): void => this.leave();

  constructor(audio: () => HTMLAudioElement | null, raw: boolean, events: SuperviseEvents) {
    this.#audio = audio;
    this.#raw = raw;
    this.#events = events;
    this.#beat = new Worker(new URL("../desk/beat.worker.ts", import.meta.url), { type: "module" });
    this.#beat.onmessage = () => this.#send({ type: "ping" });
    window.addEventListener("pagehide", this.#goes);
  }

  /** Into this call, or something else in it. Throws where there is no microphone to speak by. */
  async go(callId: string, agent: string, what: Watching): Promise<void> {
    const peer = this.#peer;
    // An entry whose offer has not gone out yet begins anew.
    if (peer?.localDescription && this.#place?.call_id === callId) {
      const wish = ++this.#wish;
      const before = this.#place.what;
      this.#set({ ...this.#place, what });
      try {
        if (!(await this.#speak(peer, what, wish))) return;
      } catch (error) {
        // Without a microphone he goes on with what he did.
        if (wish === this.#wish && this.#place) this.#set({ ...this.#place, what: before });
        throw error;
      }
      this.#send({ type: what, call_id: callId });
      return;
    }
    this.#drop();
    const wish = this.#wish;
    this.#set({ call_id: callId, agent, what, on: null, since: null });
    try {
      await this.#enter(callId, what, wish);
    } catch (error) {
      if (wish !== this.#wish) return;
      this.#drop();
      this.#set(null);
      throw error;
    }
  }

  async #enter(callId: string, what: Watching, wish: number): Promise<void> {
    const peer = this.#open();
    if (!(await this.#speak(peer, what, wish))) return;
    const offer = await peer.createOffer();
    await this.#connect();
    if (wish !== this.#wish) return;
    await peer.setLocalDescription(offer);
    if (wish !== this.#wish) return;
    this.#send({ type: what, call_id: callId, sdp: peer.localDescription?.sdp ?? "" });
    this.#late = setTimeout(() => this.#over("lost"), COMES_MS);
  }

  /** Out of the call. */
  leave(): void {
    this.#send({ type: "leave" });
    this.#drop();
    this.#set(null);
  }

  /** The page goes: he is out of the call, and so is the line. */
  close(): void {
    window.removeEventListener("pagehide", this.#goes);
    this.#send({ type: "leave" });
    this.#drop();
    this.#place = null;
    this.#socket?.close();
    this.#socket = null;
    this.#beat.terminate();
  }

  #open(): RTCPeerConnection {
    const peer = new RTCPeerConnection();
    this.#peer = peer;
    peer.addTransceiver("audio", { direction: "sendrecv" }).setCodecPreferences(telephoneCodecs());
    peer.addEventListener("track", (event) => {
      const audio = this.#audio();
      if (!audio || this.#peer !== peer) return;
      audio.srcObject = event.streams[0] ?? new MediaStream([event.track]);
      void playOn(audio, "speaker");
      void audio.play().catch(() => undefined);
    });
    peer.addEventListener("connectionstatechange", () => {
      if (this.#peer === peer && peer.connectionState === "failed") this.#over("lost");
    });
    return peer;
  }

  /** The microphone is open while he is heard, and only then. False: he wants something else by now. */
  async #speak(peer: RTCPeerConnection, what: Watching, wish: number): Promise<boolean> {
    const sender = peer.getSenders()[0];
    if (what === "listen") {
      this.#mute();
      await sender?.replaceTrack(null);
    } else if (!this.#microphone) {
      const stream = await openMicrophone(this.#raw);
      if (wish !== this.#wish || !sender) {
        for (const track of stream.getTracks()) track.stop();
        return false;
      }
      this.#microphone = stream;
      await sender.replaceTrack(stream.getAudioTracks()[0] ?? null);
    }
    return wish === this.#wish;
  }

  #mute(): void {
    for (const track of this.#microphone?.getTracks() ?? []) track.stop();
    this.#microphone = null;
  }

  #connect(): Promise<void> {
    if (this.#socket?.readyState === WebSocket.OPEN) return Promise.resolve();
    const { protocol, host } = window.location;
    const scheme = protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${host}/api/v1/supervision/ws`);
    this.#socket = socket;
    return new Promise((resolve, reject) => {
      socket.addEventListener("open", () => resolve());
      socket.addEventListener("message", (event) => this.#heard(String(event.data)));
      socket.addEventListener("close", (event) => {
        reject(new Error("the line to the server was closed"));
        if (this.#socket !== socket) return;
        this.#socket = null;
        if (this.#place) this.#over(event.code === SIGNED_OUT ? "signed_out" : "lost");
      });
    });
  }

  #heard(text: string): void {
    const frame = JSON.parse(text) as Record<string, unknown>;
    // What is told of a call before is nothing of the one that he is in.
    if (frame.type !== "pong" && frame.call_id && frame.call_id !== this.#place?.call_id) return;
    switch (frame.type) {
      case "answer":
        this.#peer
          ?.setRemoteDescription({ type: "answer", sdp: String(frame.sdp ?? "") })
          .catch(() => this.#over("unusable"));
        break;
      case "on":
        clearTimeout(this.#late);
        if (this.#place) {
          const since = this.#place.since ?? Date.now();
          this.#set({ ...this.#place, on: frame.what as Watching, since });
        }
        break;
      case "over":
        // That he left he knows, and he may be in another call or in the same one again by now.
        if (this.#place && frame.why !== "left") this.#over(String(frame.why ?? "lost"));
        break;
      case "error":
        this.#over(String(frame.code ?? "unknown").replace("supervision.", ""));
        break;
    }
  }

  /** It ended, or came to nothing. The server may not know: nobody stays in a call that he does not hear. */
  #over(code: string): void {
    this.#send({ type: "leave" });
    this.#drop();
    this.#set(null);
    this.#events.over(code);
  }

  #send(frame: Record<string, unknown>): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(frame));
  }

  #set(place: Place | null): void {
    this.#place = place;
    this.#events.place(place);
  }

  #drop(): void {
    this.#wish += 1;
    clearTimeout(this.#late);
    this.#mute();
    this.#peer?.close();
    this.#peer = null;
    const audio = this.#audio();
    if (audio) audio.srcObject = null;
  }
}
