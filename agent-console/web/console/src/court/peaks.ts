// The wave form from the peaks that the server computed: a 40-minute call is never decoded
// here. Two rows, one for each channel, drawn on a canvas as bars.

import { fromBase64Url } from "../lib/keys.ts";
import type { Peaks } from "../lib/types.ts";

export interface Wave {
  left: Uint8Array;
  right: Uint8Array;
  per_second: number;
}

/** Standard or URL base64, as the server sends it. */
export function readPeaks(peaks: Peaks): Wave {
  const bytes = (text: string) => fromBase64Url(text.replace(/=+$/, ""));
  return { left: bytes(peaks.left), right: bytes(peaks.right), per_second: peaks.per_second };
}

/** The loudest of the peaks that fall into each of `bars` equal parts, 0 to 1. */
export function barsOf(peaks: Uint8Array, bars: number): number[] {
  if (peaks.length === 0 || bars <= 0) return [];
  return Array.from({ length: bars }, (_, i) => {
    const from = Math.floor((i * peaks.length) / bars);
    const to = Math.max(from + 1, Math.floor(((i + 1) * peaks.length) / bars));
    let most = 0;
    for (let at = from; at < to && at < peaks.length; at++) most = Math.max(most, peaks[at] ?? 0);
    return most / 255;
  });
}

const BAR = 3;
const INK = "#5a6470";
const BLUE = "#1d4f91";
const LINE = "#e1e5ea";

/** Draws both rows into a canvas of `width` by `height` CSS pixels. */
export function drawWave(canvas: HTMLCanvasElement, wave: Wave): void {
  const { clientWidth: width, clientHeight: height } = canvas;
  const scale = window.devicePixelRatio || 1;
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  const pen = canvas.getContext("2d");
  if (!pen) return;
  pen.scale(scale, scale);
  pen.fillStyle = LINE;
  pen.fillRect(0, height / 2 - 0.5, width, 1);
  const count = Math.floor(width / BAR);
  const row = (peaks: Uint8Array, middle: number, colour: string) => {
    pen.fillStyle = colour;
    barsOf(peaks, count).forEach((value, i) => {
      const tall = Math.max(1, value * (height / 2 - 6));
      pen.fillRect(i * BAR, middle - tall / 2, BAR - 1, tall);
    });
  };
  row(wave.left, height / 4, INK);
  row(wave.right, (3 * height) / 4, BLUE);
}
