// When a page asks for the sound of its call again.
import { expect, test } from "vitest";
import { mustRejoin, type Standing } from "../../console/src/desk/rejoin.ts";

const well: Standing = {
  live: true,
  resumable: false,
  broken: false,
  awayMs: null,
  sinceMs: 60_000,
};

test("a call that sounds is left alone, and so is one that is over", () => {
  expect(mustRejoin(well)).toBe(false);
  expect(mustRejoin({ ...well, live: false, broken: true, resumable: true })).toBe(false);
});

test("a page that was loaded anew asks at once, a leg that breaks at once waits a second", () => {
  expect(mustRejoin({ ...well, broken: true, sinceMs: 1_800_000_000_000 })).toBe(true);
  expect(mustRejoin({ ...well, broken: true, sinceMs: 200 })).toBe(false);
  expect(mustRejoin({ ...well, broken: true, sinceMs: 1_000 })).toBe(true);
});

test("an offer on its way is waited for, and made again when nobody answers it", () => {
  expect(mustRejoin({ ...well, resumable: true, sinceMs: 3_000 })).toBe(false);
  expect(mustRejoin({ ...well, resumable: true, sinceMs: 4_000 })).toBe(true);
});

test("a server that misses us although we are connected may hear us again by itself", () => {
  expect(mustRejoin({ ...well, awayMs: 500 })).toBe(false);
  expect(mustRejoin({ ...well, awayMs: 2_000 })).toBe(true);
});
