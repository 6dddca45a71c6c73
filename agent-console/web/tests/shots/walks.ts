// The screens by keyboard alone: `npm run shots -- walks`. Each is walked with Tab, what a dialogue holds is
// walked in it, Escape closes it, and what is typed is text and no key of the page.

import type { Page } from "playwright-core";
import { walked } from "../browser/walk.ts";

type Fault = (...words: unknown[]) => void;
const testId = (id: string) => `[data-testid="${id}"]`;

/** Walks what stands there. */
async function walk(page: Page, name: string, fault: Fault, within?: string) {
  for (const each of await walked(page, within)) fault(`${name} by keyboard`, each);
  console.log("walked", name);
}

export interface Walk {
  role: string;
  path: string;
  wait: string;
  /** Opens dialogues by their button, to be walked and left by Escape. */
  dialogues?: string[];
}

export const WALKS: Walk[] = [
  { role: "supervisor", path: "/overview", wait: ".tile" },
  { role: "supervisor", path: "/evidence", wait: testId("doubt"), dialogues: [testId("clear")] },
  { role: "supervisor", path: "/evidence/roots", wait: testId("root") },
  {
    role: "supervisor",
    path: "/evidence/retention",
    wait: testId("request"),
    dialogues: [testId("approve")],
  },
  { role: "supervisor", path: "/evidence/certificates/certificate-1", wait: testId("print") },
  {
    role: "supervisor",
    path: "/inbound",
    wait: testId("inbound-row"),
    dialogues: [testId("settle")],
  },
  { role: "judge", path: "/tasks/task-1", wait: testId("transcript-line") },
  { role: "judge", path: "/cases/case-1", wait: testId("hold-state") },
  { role: "admin", path: "/lines", wait: testId("trunk-row"), dialogues: [testId("add-trunk")] },
  { role: "admin", path: "/health", wait: "table" },
  { role: "auditor", path: "/audit", wait: "table" },
];

export async function walkThrough(page: Page, each: Walk, fault: Fault) {
  await page.waitForSelector(each.wait);
  await walk(page, each.path, fault);
  for (const button of each.dialogues ?? []) {
    await page.locator(button).first().focus();
    await page.keyboard.press("Enter");
    const dialogue = page.locator(".ant-modal, .ant-drawer-content-wrapper").first();
    await dialogue.waitFor();
    await page.waitForFunction(
      () => document.querySelector(".ant-modal, .ant-drawer")?.contains(document.activeElement),
      undefined,
      { timeout: 5_000 },
    );
    const inside =
      (await page.locator(".ant-modal").count()) > 0 ? ".ant-modal" : ".ant-drawer-section";
    await walk(page, `${each.path} ${button}`, fault, inside);
    await page.keyboard.press("Escape");
    await dialogue.waitFor({ state: "hidden" });
    const back = await page.evaluate(
      (opener) => document.activeElement?.matches(opener) ?? false,
      button,
    );
    if (!back) fault(each.path, "the focus does not come back to", button);
  }
}
