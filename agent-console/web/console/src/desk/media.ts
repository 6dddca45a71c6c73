// The agent's leg: microphone and loudspeaker over WebRTC, G.711 as the carrier speaks it,
// so that nothing is transcoded between browser and telephone.

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

/** Opens the microphone. `raw` leaves the signal as it is, for checks with tones. */
export async function openMicrophone(raw: boolean): Promise<MediaStream> {
  if (!navigator.mediaDevices) throw new NoMicrophone("insecure");
  const clean = !raw;
  try {
    return await navigator.mediaDevices.getUserMedia({
      audio: {
        echoCancellation: clean,
        noiseSuppression: clean,
        autoGainControl: clean,
        channelCount: 1,
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

export type Quality = "good" | "fair" | "poor";

/** What the network did over the last two seconds. */
export interface Network {
  quality: Quality;
  rtt_ms: number | null;
}

/** Words for numbers: what an agent hears as clear, rough, and broken. */
export function judgeNetwork(rttMs: number, jitterMs: number, lossShare: number): Quality {
  if (rttMs > 400 || jitterMs > 60 || lossShare > 0.05) return "poor";
  if (rttMs > 200 || jitterMs > 30 || lossShare > 0.01) return "fair";
  return "good";
}

const GATHER_MS = 1_000;
const STATS_MS = 2_000;

export interface AgentLegEvents {
  network: (network: Network) => void;
  lost: () => void;
}

/** One call's media. Made with an offer, completed by the server's answer, closed once. */
export class AgentLeg {
  readonly offer: string;
  readonly #peer: RTCPeerConnection;
  readonly #stream: MediaStream;
  readonly #audio: HTMLAudioElement;
  readonly #events: AgentLegEvents;
  #stats: number | undefined;
  #received = 0;
  #lost = 0;

  private constructor(
    peer: RTCPeerConnection,
    stream: MediaStream,
    audio: HTMLAudioElement,
    events: AgentLegEvents,
  ) {
    this.offer = peer.localDescription?.sdp ?? "";
    this.#peer = peer;
    this.#stream = stream;
    this.#audio = audio;
    this.#events = events;
    peer.addEventListener("track", (event) => {
      audio.srcObject = event.streams[0] ?? new MediaStream([event.track]);
      // Autoplay is allowed after the click that dialled; a refusal is no reason to drop.
      void audio.play().catch(() => undefined);
    });
    peer.addEventListener("connectionstatechange", () => {
      if (peer.connectionState === "failed") events.lost();
    });
  }

  /** Opens the microphone and makes an offer with every candidate in it. */
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
      await gathered(peer);
    } catch (error) {
      peer.close();
      for (const track of stream.getTracks()) track.stop();
      throw error;
    }
    return new AgentLeg(peer, stream, audio, events);
  }

  async answer(sdp: string): Promise<void> {
    if (this.#peer.signalingState !== "have-local-offer") return;
    await this.#peer.setRemoteDescription({ type: "answer", sdp });
    this.#stats = window.setInterval(() => void this.#measure(), STATS_MS);
  }

  /** Silences the microphone in this browser, whatever the line does. */
  mute(on: boolean): void {
    for (const track of this.#stream.getAudioTracks()) track.enabled = !on;
  }

  close(): void {
    window.clearInterval(this.#stats);
    for (const track of this.#stream.getTracks()) track.stop();
    this.#peer.close();
    this.#audio.srcObject = null;
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
    this.#events.network({ quality: judgeNetwork(rtt ?? 0, jitter, share), rtt_ms: rtt });
  }
}

// PCMA first, as Chinese carriers speak it; the events for digits; nothing else.
function telephoneCodecs(): RTCRtpCodec[] {
  const all = RTCRtpReceiver.getCapabilities("audio")?.codecs ?? [];
  const wanted = ["audio/PCMA", "audio/PCMU", "audio/telephone-event"];
  return wanted.flatMap((type) =>
    all.filter((codec) => codec.mimeType === type && codec.clockRate === 8000),
  );
}

function gathered(peer: RTCPeerConnection): Promise<void> {
  if (peer.iceGatheringState === "complete") return Promise.resolve();
  return new Promise((resolve) => {
    const timer = window.setTimeout(resolve, GATHER_MS);
    peer.addEventListener("icegatheringstatechange", () => {
      if (peer.iceGatheringState === "complete") {
        window.clearTimeout(timer);
        resolve();
      }
    });
  });
}
