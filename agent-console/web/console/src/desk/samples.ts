// What the network did during a call, kept with the call: looked at each two seconds, sent
// each ten.

import type { Network } from "./media.ts";

const BATCH = 5;

export class SampleBox {
  readonly #send: (command: Record<string, unknown>) => void;
  #call: string | null = null;
  #items: Network[] = [];

  constructor(send: (command: Record<string, unknown>) => void) {
    this.#send = send;
  }

  add(call: string | null, sample: Network): void {
    if (call !== this.#call) {
      this.#items = [];
      this.#call = call;
    }
    if (!call) return;
    this.#items.push(sample);
    if (this.#items.length >= BATCH) this.flush();
  }

  /** The call is over: what was not sent yet goes too. */
  flush(): void {
    if (!this.#call || this.#items.length === 0) return;
    this.#send({ type: "samples", call_id: this.#call, items: this.#items });
    this.#items = [];
  }
}
