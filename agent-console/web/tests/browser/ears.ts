// What comes out of the loudspeaker, with the moment at which it came: that there is sound, whose
// tones are in it, and by which way it came.

import type { Page } from "playwright-core";

export interface Sound {
  /** Unix milliseconds of the document's navigation. */
  loaded_at: number;
  /** Unix milliseconds of the first sound at or after the moment asked for. */
  heard_at: number;
}

interface Ears {
  songdaHeard: number[];
  /** Of the stream that came last. */
  songdaEar: AnalyserNode | null;
  songdaPeer: RTCPeerConnection | null;
}

/** Listens to every stream that any call of this page brings, from its first packet on. */
export async function listen(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const heard: number[] = [];
    const ears = window as unknown as Ears;
    ears.songdaHeard = heard;
    ears.songdaEar = null;
    ears.songdaPeer = null;
    const Peer = window.RTCPeerConnection;
    if (!Peer) return;
    window.RTCPeerConnection = class extends Peer {
      constructor(configuration?: RTCConfiguration) {
        super(configuration);
        ears.songdaPeer = this;
        this.addEventListener("track", (event) => {
          const context = new AudioContext();
          const source = context.createMediaStreamSource(new MediaStream([event.track]));
          const analyser = context.createAnalyser();
          analyser.fftSize = 256;
          source.connect(analyser);
          const ear = context.createAnalyser();
          ear.fftSize = 8192;
          ear.smoothingTimeConstant = 0;
          source.connect(ear);
          ears.songdaEar = ear;
          const samples = new Float32Array(analyser.fftSize);
          const timer = window.setInterval(() => {
            if (event.track.readyState === "ended") {
              window.clearInterval(timer);
              if (ears.songdaEar === ear) ears.songdaEar = null;
              void context.close();
              return;
            }
            analyser.getFloatTimeDomainData(samples);
            if (samples.some((sample) => Math.abs(sample) > 0.01)) heard.push(Date.now());
          }, 20);
        });
      }
    };
  });
}

/** Waits for the first sound at or after `from`. */
export async function sound(page: Page, from: number, timeout: number): Promise<Sound> {
  const found = await page.waitForFunction(
    (from) => {
      const heard = (window as unknown as Ears).songdaHeard;
      const at = heard.find((moment) => moment >= from);
      return at === undefined ? null : { loaded_at: performance.timeOrigin, heard_at: at };
    },
    from,
    { timeout, polling: 20 },
  );
  return (await found.jsonValue()) as Sound;
}

export interface Tones {
  /** Names of the voices, one letter each, with their frequencies in hertz. */
  voices: Record<string, number>;
  /** Whom to hear, in the order of the voices; "m" is any other sound, "" is silence. */
  wanted: string;
  /** For so long without a break, milliseconds. */
  ms: number;
  /** Milliseconds. */
  timeout: number;
}

/** Waits until these voices are heard and no other one; answers what was heard last. */
export async function tones(page: Page, wanted: Tones): Promise<string> {
  return page.evaluate(async ({ voices, wanted, ms, timeout }) => {
    const ears = window as unknown as Ears;
    // A voice is among the loudest that sounds; what is neither loud nor far below is unclear.
    const [clear, gone, silent] = [-12, -26, -70];
    const now = () => {
      const ear = ears.songdaEar;
      if (!ear) return "no stream";
      const bins = new Float32Array(ear.frequencyBinCount);
      ear.getFloatFrequencyData(bins);
      const width = ear.context.sampleRate / ear.fftSize;
      const loudest = bins.subarray(Math.round(60 / width)).reduce((a, b) => Math.max(a, b));
      if (loudest < silent) return "";
      let heard = "";
      for (const [name, hertz] of Object.entries(voices)) {
        const at = Math.round(hertz / width);
        const level = bins.subarray(at - 3, at + 4).reduce((a, b) => Math.max(a, b)) - loudest;
        if (level > clear) heard += name;
        else if (level > gone) return `${heard}${name}?`;
      }
      return heard || "m";
    };
    const begun = performance.now();
    let since: number | null = null;
    let heard = "";
    while (performance.now() - begun < timeout) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      heard = now();
      if (heard !== wanted) since = null;
      else {
        since ??= performance.now();
        if (performance.now() - since >= ms) break;
      }
    }
    return heard;
  }, wanted);
}

/** "udp" or "tcp": how the sound of the last call goes, as the browser's own statistics tell. */
export async function way(page: Page): Promise<string> {
  return page.evaluate(async () => {
    const stats = await (window as unknown as Ears).songdaPeer?.getStats();
    for (const report of stats?.values() ?? []) {
      if (report.type !== "transport" || !report.selectedCandidatePairId) continue;
      const pair = stats?.get(report.selectedCandidatePairId);
      return String(stats?.get(pair.remoteCandidateId).protocol);
    }
    return "none";
  });
}
