// A supervisor's place in one live call: a line that says which call and what he does in it, and
// a leg that he hears by. The microphone is asked for when he speaks, and let go when he does not.

import { playOn } from "../desk/devices.ts";
import { openMicrophone, telephoneCodecs } from "../desk/media.ts";

export type Watching = "listen" | "whisper" | "barge";

export interface Place {
  call_id: string;
  /** Whose call it is, for people. */
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

export class Supervisor {
  readonly #audio: () => HTMLAudioElement | null;
  readonly #raw: boolean;
  readonly #events: SuperviseEvents;
  readonly #beat: Worker;
  #socket: WebSocket | null = null;
  #peer: RTCPeerConnection | null = null;
  #microphone: MediaStream | null = null;
  #place: Place | null = null;

  constructor(audio: () => HTMLAudioElement | null, raw: boolean, events: SuperviseEvents) {
    this.#audio = audio;
    this.#raw = raw;
    this.#events = events;
    this.#beat = new Worker(new URL("../desk/beat.worker.ts", import.meta.url), { type: "module" });
    this.#beat.onmessage = () => this.#send({ type: "ping" });
  }

  /** Into this call, or something else in it. Throws where there is no microphone to speak by. */
  async go(callId: string, agent: string, what: Watching): Promise<void> {
    if (this.#place?.call_id === callId) {
      await this.#speak(what);
      this.#set({ ...this.#place, what });
      this.#send({ type: what, call_id: callId });
      return;
    }
    this.#drop();
    this.#set({ call_id: callId, agent, what, on: null, since: null });
    try {
      const peer = this.#open();
      await this.#speak(what);
      await peer.setLocalDescription(await peer.createOffer());
      await this.#connect();
      if (this.#peer !== peer) return;
      this.#send({ type: what, call_id: callId, sdp: peer.localDescription?.sdp ?? "" });
    } catch (error) {
      this.#drop();
      this.#set(null);
      throw error;
    }
  }

  /** Out of the call. */
  leave(): void {
    this.#send({ type: "leave" });
    this.#drop();
    this.#set(null);
  }

  /** The page goes: so does the line, and the house takes him out of the call. */
  close(): void {
    this.#place = null;
    this.#drop();
    this.#socket?.close();
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

  /** The microphone is open while he is heard, and only then. */
  async #speak(what: Watching): Promise<void> {
    const peer = this.#peer;
    const sender = peer?.getSenders()[0];
    if (what === "listen") {
      await sender?.replaceTrack(null);
      this.#mute();
    } else if (!this.#microphone) {
      const stream = await openMicrophone(this.#raw);
      if (this.#peer !== peer || !sender) {
        for (const track of stream.getTracks()) track.stop();
        return;
      }
      this.#microphone = stream;
      await sender.replaceTrack(stream.getAudioTracks()[0] ?? null);
    }
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
      socket.addEventListener("close", () => {
        reject(new Error("the line to the server was closed"));
        if (this.#socket !== socket) return;
        this.#socket = null;
        if (this.#place) this.#over("lost");
      });
    });
  }

  #heard(text: string): void {
    const frame = JSON.parse(text) as Record<string, unknown>;
    switch (frame.type) {
      case "answer":
        this.#peer
          ?.setRemoteDescription({ type: "answer", sdp: String(frame.sdp ?? "") })
          .catch(() => this.#over("unusable"));
        break;
      case "on":
        if (this.#place && this.#place.call_id === frame.call_id) {
          const since = this.#place.since ?? Date.now();
          this.#set({ ...this.#place, on: frame.what as Watching, since });
        }
        break;
      case "over":
        if (this.#place) this.#over(String(frame.why ?? "lost"));
        break;
      case "error":
        this.#over(String(frame.code ?? "unknown").replace("supervision.", ""));
        break;
    }
  }

  #over(code: string): void {
    this.#drop();
    this.#set(null);
    if (code !== "left") this.#events.over(code);
  }

  #send(frame: Record<string, unknown>): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(frame));
  }

  #set(place: Place | null): void {
    this.#place = place;
    this.#events.place(place);
  }

  #drop(): void {
    this.#mute();
    this.#peer?.close();
    this.#peer = null;
    const audio = this.#audio();
    if (audio) audio.srcObject = null;
  }
}
