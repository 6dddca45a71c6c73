// What is judged on every picture of a screen.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Page } from "playwright-core";

const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core"), "utf8");
const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"];

/** Until the letters are there and no transition runs: contrast in the middle of a fade is no contrast. */
export async function settled(page: Page): Promise<void> {
  await page.evaluate(() => document.fonts.ready);
  // What was just drawn begins to move with the next frame.
  await page.evaluate(
    () => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))),
  );
  await page.waitForFunction(
    () =>
      document
        .getAnimations()
        .every(
          (each) =>
            each.playState !== "running" ||
            each.effect?.getTiming().iterations === Number.POSITIVE_INFINITY,
        ) && !document.querySelector(".ant-spin-spinning"),
  );
}

/** What axe finds: each rule with the first elements that break it. */
export async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axeSource);
  return page.evaluate(async (tags) => {
    type Violation = { id: string; nodes: { html: string }[] };
    type Axe = { run: (on: Document, how: object) => Promise<{ violations: Violation[] }> };
    const { axe } = window as unknown as { axe: Axe };
    const result = await axe.run(document, { runOnly: tags });
    return result.violations.map((violation) => {
      const where = violation.nodes.slice(0, 3).map((node) => node.html);
      return `${violation.id}: ${where.join(" | ")}`;
    });
  }, TAGS);
}
