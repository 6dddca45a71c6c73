// The sound of this window: at most one leg, made anew whenever the one before broke. After a
// reload it is got ready beside the line, so that nobody waits for the microphone.

import { AgentLeg, type AgentLegEvents, type Network } from "./media.ts";

const IN_CALL = "songda.in_call";

export interface SoftphoneEvents {
  network: (network: Network | null) => void;
  /** Whether this window carries a leg. */
  audio: (there: boolean) => void;
}

export class Softphone {
  readonly #element: () => HTMLAudioElement | null;
  readonly #raw: boolean;
  readonly #events: SoftphoneEvents;
  #leg: AgentLeg | null = null;
  #warm: Promise<AgentLeg> | null = null;
  #broken = false;
  #muted = false;

  constructor(element: () => HTMLAudioElement | null, raw: boolean, events: SoftphoneEvents) {
    this.#element = element;
    this.#raw = raw;
    this.#events = events;
    // This browser was in a call when the page was loaded, in this tab or in one before.
    if (localStorage.getItem(IN_CALL) === "1") {
      this.#warm = this.#prepare();
      // Nobody may ask for it: then its failure is nobody's either.
      this.#warm.catch(() => undefined);
    }
  }

  /** There is no leg, or it will not come back by itself. */
  get isBroken(): boolean {
    return this.#leg === null || this.#broken;
  }

  /** Sound goes through. */
  get sounds(): boolean {
    return this.#leg?.isConnected ?? false;
  }

  /** Makes a leg in the place of the present one; answers its offer. */
  async offer(): Promise<string> {
    const warm = this.#warm ?? this.#prepare();
    this.#warm = null;
    const leg = await warm;
    this.#leg?.close();
    this.#leg = leg;
    this.#broken = false;
    leg.mute(this.#muted);
    localStorage.setItem(IN_CALL, "1");
    this.#events.audio(true);
    return leg.offer;
  }

  async answer(sdp: string): Promise<void> {
    await this.#leg?.answer(sdp);
  }

  mute(on: boolean): void {
    this.#muted = on;
    this.#leg?.mute(on);
  }

  async changeDevices(): Promise<void> {
    await this.#leg?.changeDevices();
  }

  async devicesChanged(): Promise<string | null> {
    return (await this.#leg?.devicesChanged()) ?? null;
  }

  /** The network came back: a leg that does not sound is not waited for. */
  online(): void {
    if (this.#leg && !this.#leg.isConnected) this.#broken = true;
  }

  /** The call is over. */
  close(): void {
    localStorage.removeItem(IN_CALL);
    this.drop();
  }

  /** Lets go of the leg; whoever loads the desk next wants it again. */
  drop(): void {
    this.#warm?.then(
      (leg) => leg.close(),
      () => undefined,
    );
    this.#warm = null;
    this.#leg?.close();
    this.#leg = null;
    this.#broken = false;
    this.#muted = false;
    this.#events.audio(false);
    this.#events.network(null);
  }

  #prepare(): Promise<AgentLeg> {
    const element = this.#element();
    if (!element) return Promise.reject(new Error("the page has no loudspeaker yet"));
    let leg: AgentLeg | null = null;
    const events: AgentLegEvents = {
      network: (network) => leg === this.#leg && this.#events.network(network),
      lost: () => {
        if (leg === this.#leg) this.#broken = true;
      },
    };
    return AgentLeg.prepare(element, this.#raw, events).then((made) => {
      leg = made;
      return made;
    });
  }
}
