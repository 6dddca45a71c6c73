// The bell for a work order: two short notes, on the device that was chosen for it, which may
// be a loudspeaker while the headset lies on the desk.

import { playOn } from "./devices.ts";

const RATE = 16_000;
const NOTES: [hertz: number, seconds: number][] = [
  [660, 0.12],
  [880, 0.2],
];

/** A WAV file of the notes. */
export function bellSound(): Blob {
  const samples = NOTES.flatMap(([hertz, seconds]) =>
    Array.from({ length: Math.round(seconds * RATE) }, (_none, at) => {
      const fade = 1 - at / (seconds * RATE);
      return Math.round(Math.sin((2 * Math.PI * hertz * at) / RATE) * 7_000 * fade);
    }),
  );
  const bytes = new DataView(new ArrayBuffer(44 + samples.length * 2));
  const text = (at: number, word: string) =>
    [...word].forEach((letter, n) => void bytes.setUint8(at + n, letter.charCodeAt(0)));
  text(0, "RIFF");
  bytes.setUint32(4, 36 + samples.length * 2, true);
  text(8, "WAVEfmt ");
  bytes.setUint32(16, 16, true);
  bytes.setUint16(20, 1, true);
  bytes.setUint16(22, 1, true);
  bytes.setUint32(24, RATE, true);
  bytes.setUint32(28, RATE * 2, true);
  bytes.setUint16(32, 2, true);
  bytes.setUint16(34, 16, true);
  text(36, "data");
  bytes.setUint32(40, samples.length * 2, true);
  samples.forEach((sample, n) => void bytes.setInt16(44 + n * 2, sample, true));
  return new Blob([bytes.buffer as ArrayBuffer], { type: "audio/wav" });
}

export async function ring(): Promise<void> {
  await play("bell");
}

/** The same notes on the device that one talks on. */
export async function testTone(): Promise<void> {
  await play("speaker");
}

async function play(use: "bell" | "speaker"): Promise<void> {
  const url = URL.createObjectURL(bellSound());
  const element = new Audio(url);
  element.onended = () => URL.revokeObjectURL(url);
  await playOn(element, use);
  // A browser that does not let the page sound yet is no reason to stop working.
  await element.play().catch(() => undefined);
}
