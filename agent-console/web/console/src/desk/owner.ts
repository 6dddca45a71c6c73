// One window of this browser has the desk: its microphone, its loudspeaker, its line. Another
// one asks, and takes it over when the agent says so. The lock also keeps the browser from
// freezing a window in the background.

export type Ownership = "asking" | "mine" | "elsewhere" | "taken";

/** How long a page that is being replaced may hold on: a reload lets go while we ask. */
const PATIENCE_MS = 400;

export class Owner {
  readonly #name: string;
  readonly #tell: (state: Ownership) => void;
  #letGo: (() => void) | null = null;
  #closed = false;

  constructor(agent: string, tell: (state: Ownership) => void) {
    this.#name = `songda-desk:${agent}`;
    this.#tell = tell;
    void this.#ask();
  }

  /** Takes the desk from the window that has it. */
  takeOver(): void {
    void this.#request({ steal: true });
  }

  close(): void {
    this.#closed = true;
    this.#letGo?.();
  }

  async #ask(): Promise<void> {
    if (!navigator.locks) {
      this.#say("mine");
      return;
    }
    const patience = new AbortController();
    const timer = window.setTimeout(() => patience.abort(), PATIENCE_MS);
    const had = await this.#request({ signal: patience.signal });
    window.clearTimeout(timer);
    if (!had) this.#say("elsewhere");
  }

  /** Waits for the lock and holds it; false when it was never ours. */
  async #request(options: LockOptions): Promise<boolean> {
    let had = false;
    try {
      await navigator.locks.request(this.#name, options, async () => {
        had = true;
        if (this.#closed) return;
        this.#say("mine");
        await new Promise<void>((resolve) => {
          this.#letGo = resolve;
        });
      });
    } catch {
      // Another window took it, or our patience was over.
      if (had) this.#say("taken");
    }
    return had;
  }

  #say(state: Ownership): void {
    if (!this.#closed) this.#tell(state);
  }
}
