// One window of this browser has the desk: its microphone, its loudspeaker, its line. Another
// one asks, and takes it over when the agent says so. The lock also keeps the browser from
// freezing a window in the background.

export type Ownership = "asking" | "mine" | "elsewhere" | "taken";

/** How long a page that is being replaced may hold on: a reload lets go while we ask. */
const PATIENCE_MS = 400;

export class Owner {
  readonly #name: string;
  readonly #tell: (state: Ownership) => void;
  readonly #queue = new AbortController();
  #letGo: (() => void) | null = null;
  #closed = false;

  constructor(agent: string, tell: (state: Ownership) => void) {
    this.#name = `songda-desk:${agent}`;
    this.#tell = tell;
    void this.#ask();
  }

  /** Takes the desk from the window that has it. */
  takeOver(): void {
    this.#queue.abort();
    void this.#request({ steal: true });
  }

  close(): void {
    this.#closed = true;
    this.#queue.abort();
    this.#letGo?.();
  }

  /** Stays in the queue: when the other window is closed, nobody need be asked. */
  async #ask(): Promise<void> {
    if (!navigator.locks) {
      this.#say("mine");
      return;
    }
    const timer = window.setTimeout(() => this.#say("elsewhere"), PATIENCE_MS);
    await this.#request({ signal: this.#queue.signal }, () => window.clearTimeout(timer));
    window.clearTimeout(timer);
  }

  /** Waits for the lock and holds it. */
  async #request(options: LockOptions, got?: () => void): Promise<void> {
    let had = false;
    try {
      await navigator.locks.request(this.#name, options, async () => {
        had = true;
        got?.();
        if (this.#closed) return;
        this.#say("mine");
        await new Promise<void>((resolve) => {
          this.#letGo = resolve;
        });
      });
    } catch {
      // Another window took it, or this one no longer waits for it.
      if (had) this.#say("taken");
    }
  }

  #say(state: Ownership): void {
    if (!this.#closed) this.#tell(state);
  }
}
