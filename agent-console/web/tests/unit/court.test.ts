// What the judge's page computes by itself: bars of the wave form, the line that is heard,
// addresses, times.
import { expect, test } from "vitest";
import { currentLine } from "../../console/src/court/lines.ts";
import { barsOf, readPeaks } from "../../console/src/court/peaks.ts";
import { judgeNetwork } from "../../console/src/desk/media.ts";
import { match } from "../../console/src/lib/router.ts";
import { clock, dateTime, day, daysUntil } from "../../console/src/lib/time.ts";

test("each bar is the loudest of its peaks, and no peak is lost", () => {
  const bars = barsOf(Uint8Array.from([0, 255, 51, 0, 0, 0]), 3);
  expect(bars).toEqual([1, 0.2, 0]);
  expect(barsOf(Uint8Array.from([255]), 2)).toEqual([1, 1]);
  expect(barsOf(new Uint8Array(), 4)).toEqual([]);
});

test("peaks are read from standard base64 with its padding", () => {
  const wave = readPeaks({ per_second: 20, left: "/wA=", right: "" });
  expect([...wave.left]).toEqual([255, 0]);
  expect(wave.right.length).toBe(0);
});

test("the current line is the last that began and has not ended", () => {
  const lines = [
    { no: 1, from_ms: 0, to_ms: 2000 },
    { no: 2, from_ms: 1500, to_ms: 3000 },
  ];
  expect(currentLine(lines, 1000)).toBe(1);
  expect(currentLine(lines, 1700)).toBe(2);
  expect(currentLine(lines, 3000)).toBeNull();
});

test("addresses match by part and are decoded, a broken escape is no address", () => {
  expect(match("/tasks/:id", "/tasks/a%2Fb")).toEqual({ id: "a/b" });
  expect(match("/tasks/:id", "/tasks")).toBeNull();
  expect(match("/tasks/:id", "/tasks/%E0%A4%A")).toBeNull();
  expect(match("/cases", "/cases/")).toEqual({});
});

test("times are those of Beijing, wherever the browser stands", () => {
  expect(dateTime("2026-11-23T16:05:00Z")).toBe("2026-11-24 00:05");
  expect(day("2026-12-01")).toBe("2026-12-01");
  expect(dateTime("no time")).toBe("");
  expect(clock(134_000)).toBe("02:14");
  expect(clock(3_734_000)).toBe("1:02:14");
  expect(clock(-5)).toBe("00:00");
  const now = Date.parse("2026-11-23T23:30:00+08:00");
  expect(daysUntil("2026-12-10T09:30:00+08:00", now)).toBe(17);
});

test("the network is judged by its worst number", () => {
  expect(judgeNetwork(38, 5, 0)).toBe("good");
  expect(judgeNetwork(250, 5, 0)).toBe("fair");
  expect(judgeNetwork(38, 5, 0.2)).toBe("poor");
});
