// The agent's leg: microphone and loudspeaker over WebRTC, G.711 as the carrier speaks it,
// so that nothing is transcoded between browser and telephone.

import { chosenId, playOn } from "./devices.ts";

export type MicProblem = "refused" | "missing" | "busy" | "insecure";

/** Why there is no microphone, named so that the page can say what to do. */
export class NoMicrophone extends Error {
  readonly why: MicProblem;
  constructor(why: MicProblem) {
    super(why);
    this.name = "NoMicrophone";
    this.why = why;
  }
}

/** Opens the chosen microphone. `raw` leaves the signal as it is, for checks with tones. */
export async function openMicrophone(raw: boolean): Promise<MediaStream> {
  if (!navigator.mediaDevices) throw new NoMicrophone("insecure");
  const clean = !raw;
  const id = await chosenId("microphone");
  try {
    return await navigator.mediaDevices.getUserMedia({
      audio: {
        echoCancellation: clean,
        noiseSuppression: clean,
        autoGainControl: clean,
        channelCount: 1,
        ...(id && { deviceId: { ideal: id } }),
      },
    });
  } catch (error) {
    const name = error instanceof DOMException ? error.name : "";
    if (name === "NotAllowedError" || name === "SecurityError") throw new NoMicrophone("refused");
    if (name === "NotFoundError" || name === "OverconstrainedError") {
      throw new NoMicrophone("missing");
    }
    throw new NoMicrophone("busy");
  }
}

export type Quality = "good" | "fair" | "poor" | "lost";

/** What the network did over the last two seconds. */
export interface Network {
  at: string;
  quality: Quality;
  rtt_ms: number | null;
  jitter_ms: number;
  /** Share of packets that were lost, 0 to 1. */
  loss: number;
}

/** Words for numbers: what an agent hears as clear, rough, and broken. */
export function judgeNetwork(rttMs: number, jitterMs: number, lossShare: number): Quality {
  if (rttMs > 400 || jitterMs > 60 || lossShare > 0.05) return "poor";
  if (rttMs > 200 || jitterMs > 30 || lossShare > 0.01) return "fair";
  return "good";
}

const STATS_MS = 2_000;
/** A connection that is broken for so long is made anew; a shorter gap mends itself. */
const BROKEN_MS = 2_500;

export interface AgentLegEvents {
  network: (network: Network) => void;
  /** The connection is broken: a new leg is needed. */
  lost: () => void;
}

/** One leg of a call. Made with an offer, completed by the server's answer, closed once. */
export class AgentLeg {
  readonly offer: string;
  readonly #peer: RTCPeerConnection;
  readonly #audio: HTMLAudioElement;
  readonly #events: AgentLegEvents;
  readonly #raw: boolean;
  #stream: MediaStream;
  #muted = false;
  #stats: number | undefined;
  #broken: number | undefined;
  #received = 0;
  #lost = 0;

  private constructor(
    peer: RTCPeerConnection,
    stream: MediaStream,
    audio: HTMLAudioElement,
    raw: boolean,
    events: AgentLegEvents,
  ) {
    this.offer = peer.localDescription?.sdp ?? "";
    this.#peer = peer;
    this.#stream = stream;
    this.#audio = audio;
    this.#raw = raw;
    this.#events = events;
    peer.addEventListener("track", (event) => {
      audio.srcObject = event.streams[0] ?? new MediaStream([event.track]);
      void playOn(audio, "speaker");
      // Autoplay is allowed while the microphone is open; a refusal is no reason to drop.
      void audio.play().catch(() => undefined);
    });
    peer.addEventListener("connectionstatechange", () => this.#changed());
  }

  /**
   * Opens the microphone and makes an offer. It names no address of ours: the server waits
   * at its own and answers where our checks come from.
   */
  static async prepare(
    audio: HTMLAudioElement,
    raw: boolean,
    events: AgentLegEvents,
  ): Promise<AgentLeg> {
    const stream = await openMicrophone(raw);
    const peer = new RTCPeerConnection();
    try {
      for (const track of stream.getAudioTracks()) {
        const transceiver = peer.addTransceiver(track, {
          direction: "sendrecv",
          streams: [stream],
        });
        transceiver.setCodecPreferences(telephoneCodecs());
      }
      await peer.setLocalDescription(await peer.createOffer());
    } catch (error) {
      peer.close();
      for (const track of stream.getTracks()) track.stop();
      throw error;
    }
    return new AgentLeg(peer, stream, audio, raw, events);
  }

  async answer(sdp: string): Promise<void> {
    if (this.#peer.signalingState !== "have-local-offer") return;
    await this.#peer.setRemoteDescription({ type: "answer", sdp });
    this.#stats = window.setInterval(() => void this.#measure(), STATS_MS);
  }

  /** Whether sound goes through. */
  get isConnected(): boolean {
    return this.#peer.connectionState === "connected";
  }

  /** Silences the microphone in this browser, whatever the line does. */
  mute(on: boolean): void {
    this.#muted = on;
    for (const track of this.#stream.getAudioTracks()) track.enabled = !on;
  }

  /**
   * Something was plugged in or pulled out: goes on with what is wanted and there. Answers
   * the name of the microphone where it is another one than before.
   */
  async devicesChanged(): Promise<string | null> {
    const [track] = this.#stream.getAudioTracks();
    const wanted = await chosenId("microphone");
    const fits = !wanted || track?.getSettings().deviceId === wanted;
    if (track?.readyState === "live" && fits) {
      await playOn(this.#audio, "speaker");
      return null;
    }
    await this.changeDevices();
    return this.#stream.getAudioTracks()[0]?.label ?? null;
  }

  /** Goes on with the microphone and the loudspeaker that are chosen now. */
  async changeDevices(): Promise<void> {
    const stream = await openMicrophone(this.#raw);
    const [track] = stream.getAudioTracks();
    if (!track || this.#peer.connectionState === "closed") {
      for (const open of stream.getTracks()) open.stop();
      return;
    }
    track.enabled = !this.#muted;
    await this.#peer.getSenders()[0]?.replaceTrack(track);
    for (const old of this.#stream.getTracks()) old.stop();
    this.#stream = stream;
    await playOn(this.#audio, "speaker");
  }

  close(): void {
    window.clearInterval(this.#stats);
    window.clearTimeout(this.#broken);
    for (const track of this.#stream.getTracks()) track.stop();
    this.#peer.close();
    this.#audio.srcObject = null;
  }

  #changed(): void {
    window.clearTimeout(this.#broken);
    const state = this.#peer.connectionState;
    if (state === "failed") this.#events.lost();
    if (state === "disconnected") {
      this.#broken = window.setTimeout(() => this.#events.lost(), BROKEN_MS);
    }
  }

  async #measure(): Promise<void> {
    let rtt: number | null = null;
    let jitter = 0;
    let share = 0;
    for (const report of (await this.#peer.getStats()).values()) {
      if (report.type === "candidate-pair" && report.nominated) {
        if (typeof report.currentRoundTripTime === "number") {
          rtt = report.currentRoundTripTime * 1000;
        }
      } else if (report.type === "inbound-rtp" && report.kind === "audio") {
        const received = Number(report.packetsReceived ?? 0);
        const lost = Number(report.packetsLost ?? 0);
        const newly = received - this.#received + (lost - this.#lost);
        share = newly > 0 ? Math.max(0, lost - this.#lost) / newly : 0;
        this.#received = received;
        this.#lost = lost;
        jitter = Number(report.jitter ?? 0) * 1000;
      }
    }
    this.#events.network({
      at: new Date().toISOString(),
      quality: this.isConnected ? judgeNetwork(rtt ?? 0, jitter, share) : "lost",
      rtt_ms: rtt,
      jitter_ms: jitter,
      loss: share,
    });
  }
}

// PCMA first, as Chinese carriers speak it; the events for digits; nothing else.
export function telephoneCodecs(): RTCRtpCodec[] {
  const all = RTCRtpReceiver.getCapabilities("audio")?.codecs ?? [];
  const wanted = ["audio/PCMA", "audio/PCMU", "audio/telephone-event"];
  return wanted.flatMap((type) =>
    all.filter((codec) => codec.mimeType === type && codec.clockRate === 8000),
  );
}
