// Channels apart: the agent alone, the party alone, or both as recorded. An audio element
// that was once wired into WebAudio stays there, so the graph is made when first needed.

export type Channels = "both" | "left" | "right";

export class ChannelGraph {
  readonly #context: AudioContext;
  readonly #splitter: ChannelSplitterNode;
  readonly #merger: ChannelMergerNode;

  constructor(element: HTMLMediaElement) {
    this.#context = new AudioContext();
    this.#splitter = this.#context.createChannelSplitter(2);
    this.#merger = this.#context.createChannelMerger(2);
    this.#context.createMediaElementSource(element).connect(this.#splitter);
    this.#merger.connect(this.#context.destination);
  }

  /** One channel is heard in both ears; both are heard as they were recorded. */
  choose(channels: Channels): void {
    this.#splitter.disconnect();
    const [left, right] = channels === "both" ? [0, 1] : channels === "left" ? [0, 0] : [1, 1];
    this.#splitter.connect(this.#merger, left, 0);
    this.#splitter.connect(this.#merger, right, 1);
    void this.#context.resume();
  }

  close(): void {
    void this.#context.close();
  }
}
