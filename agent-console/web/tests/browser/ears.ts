// What comes out of the loudspeaker, with the moment at which it came.

import type { Page } from "playwright-core";

export interface Sound {
  /** Unix milliseconds of the document's navigation. */
  loaded_at: number;
  /** Unix milliseconds of the first sound at or after the moment asked for. */
  heard_at: number;
}

interface Ears {
  songdaHeard: number[];
}

/** Listens to every stream that any call of this page brings, from its first packet on. */
export async function listen(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const heard: number[] = [];
    (window as unknown as Ears).songdaHeard = heard;
    const Peer = window.RTCPeerConnection;
    if (!Peer) return;
    window.RTCPeerConnection = class extends Peer {
      constructor(configuration?: RTCConfiguration) {
        super(configuration);
        this.addEventListener("track", (event) => {
          const context = new AudioContext();
          const analyser = context.createAnalyser();
          analyser.fftSize = 256;
          context.createMediaStreamSource(new MediaStream([event.track])).connect(analyser);
          const samples = new Float32Array(analyser.fftSize);
          const timer = window.setInterval(() => {
            if (event.track.readyState === "ended") {
              window.clearInterval(timer);
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
