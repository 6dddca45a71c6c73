// What reached a page: every WebSocket frame and body after TLS, every work order after it
// was opened, what the page shows and what it keeps.

import type { Page, Response } from "playwright-core";

/** Sound and papers are searched where they are made; their bytes say nothing as text. */
const BINARY = /^(audio|image|font)\/|application\/pdf/;

export class Seen {
  readonly texts: string[] = [];
  /** Errors of the console and of the page. */
  readonly errors: string[] = [];
  readonly #pending = new Set<Promise<void>>();

  async watch(page: Page): Promise<void> {
    await page.exposeBinding("songdaOpened", (_source, text: string) => {
      this.texts.push(text);
    });
    await page.addInitScript(() => {
      const decrypt = SubtleCrypto.prototype.decrypt;
      SubtleCrypto.prototype.decrypt = async function (...given) {
        const plain = await decrypt.apply(this, given);
        const { songdaOpened } = window as unknown as { songdaOpened: (text: string) => void };
        songdaOpened(new TextDecoder().decode(plain));
        return plain;
      };
    });
    page.on("websocket", (socket) => {
      socket.on("framereceived", (frame) => this.texts.push(String(frame.payload)));
      socket.on("framesent", (frame) => this.texts.push(String(frame.payload)));
    });
    page.on("response", (response) => this.#later(this.#body(response)));
    page.on("request", (request) => {
      this.texts.push(request.url());
      const sent = request.postData();
      if (sent) this.texts.push(sent);
    });
    page.on("pageerror", (error) => this.errors.push(`page: ${error.message}`));
    page.on("console", (message) => {
      this.texts.push(message.text());
      if (message.type() === "error") {
        this.errors.push(`${message.text()} at ${message.location().url}`);
      }
    });
  }

  /** Waits until the bodies that are on their way are read. */
  async settled(): Promise<void> {
    await Promise.all(this.#pending);
  }

  #later(work: Promise<void>): void {
    this.#pending.add(work);
    void work.finally(() => this.#pending.delete(work));
  }

  async #body(response: Response): Promise<void> {
    this.texts.push(JSON.stringify(response.headers()));
    if (BINARY.test(response.headers()["content-type"] ?? "")) return;
    // A body that the page threw away with its navigation can no longer be read.
    const body = await response.text().catch(() => "");
    this.texts.push(body);
  }
}

/** What stands in the page and in its stores, and whether a private key could leave. */
export async function everythingKept(
  page: Page,
): Promise<{ text: string; keys: { extractable: boolean; type: string }[] }> {
  return page.evaluate(async () => {
    const keys: { extractable: boolean; type: string }[] = [];
    const plain = (value: unknown): unknown => {
      if (value instanceof CryptoKey) {
        keys.push({ extractable: value.extractable, type: value.type });
        return `[${value.type} key]`;
      }
      if (value instanceof ArrayBuffer) return [...new Uint8Array(value)];
      if (Array.isArray(value)) return value.map(plain);
      if (value && typeof value === "object") {
        return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, plain(part)]));
      }
      return value;
    };
    const asked = <T>(request: IDBRequest<T>) =>
      new Promise<T>((resolve, reject) => {
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error);
      });
    const stores: unknown[] = [];
    for (const { name } of await indexedDB.databases()) {
      const db = await asked(indexedDB.open(name ?? ""));
      for (const store of db.objectStoreNames) {
        stores.push(await asked(db.transaction(store).objectStore(store).getAll()));
      }
      db.close();
    }
    const text = JSON.stringify([
      document.documentElement.outerHTML,
      { ...localStorage },
      { ...sessionStorage },
      document.cookie,
      plain(stores),
      await caches.keys(),
    ]);
    return { text, keys };
  });
}
