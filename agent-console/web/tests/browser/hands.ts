// What the person's hands do: counted, because a desk is judged by it; and composed, because
// Chinese is written through an input method.

import type { Page } from "playwright-core";

export class HandCount {
  #keys = 0;
  #letters = 0;
  #clicks = 0;

  pressed(_key: string): void {
    this.#keys += 1;
  }

  typed(text: string): void {
    this.#letters += text.length;
  }

  clicked(): void {
    this.#clicks += 1;
  }

  /** Since the last count. Letters are what was written into fields. */
  count(): { keys: number; letters: number; clicks: number } {
    const counted = { keys: this.#keys, letters: this.#letters, clicks: this.#clicks };
    this.#keys = 0;
    this.#letters = 0;
    this.#clicks = 0;
    return counted;
  }
}

/**
 * Writes a text as an input method does: a composition that grows, keys pressed while it is
 * open (`meanwhile`), and its end as the whole text.
 */
export async function compose(page: Page, text: string, meanwhile?: string): Promise<null> {
  const session = await page.context().newCDPSession(page);
  for (let end = 1; end <= text.length; end++) {
    await session.send("Input.imeSetComposition", {
      text: text.slice(0, end),
      selectionStart: end,
      selectionEnd: end,
    });
  }
  if (meanwhile) {
    // While composing a browser reports each key as 229, "process".
    for (const type of ["rawKeyDown", "keyUp"] as const) {
      await session.send("Input.dispatchKeyEvent", {
        type,
        key: "Process",
        code: meanwhile,
        windowsVirtualKeyCode: 229,
        nativeVirtualKeyCode: 229,
      });
    }
  }
  await session.send("Input.insertText", { text });
  await session.detach();
  return null;
}
