// The mark of a leg follows the classes of ITU-T G.107, annex B.
import { expect, test } from "vitest";
import { strength } from "../../console/src/ui/Signal.tsx";

test("the bars fall where people begin to complain", () => {
  expect([4.4, 4.03, 4.02, 3.6, 3.59, 3.1, 3.09, 1].map(strength)).toEqual([
    "good",
    "good",
    "fair",
    "fair",
    "poor",
    "poor",
    "bad",
    "bad",
  ]);
});
