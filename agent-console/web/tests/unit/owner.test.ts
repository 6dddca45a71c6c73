// One window of a browser has the desk; another asks, takes over, or gets it when it is free.
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Owner, type Ownership } from "../../console/src/desk/owner.ts";

type Grant = () => Promise<void>;
interface Asked {
  run: Grant;
  resolve: () => void;
  reject: (why: Error) => void;
}

/** The lock of a browser, as far as the desk asks of it. */
class Locks {
  #holder: Asked | null = null;
  #queue: Asked[] = [];

  request(_name: string, options: LockOptions, run: Grant): Promise<void> {
    return new Promise((resolve, reject) => {
      const asked = { run, resolve, reject };
      if (options.steal) {
        this.#holder?.reject(new DOMException("stolen", "AbortError"));
        this.#hold(asked);
        return;
      }
      options.signal?.addEventListener("abort", () => {
        if (!this.#queue.includes(asked)) return;
        this.#queue = this.#queue.filter((each) => each !== asked);
        reject(new DOMException("given up", "AbortError"));
      });
      if (this.#holder) this.#queue.push(asked);
      else this.#hold(asked);
    });
  }

  #hold(asked: Asked) {
    this.#holder = asked;
    void asked.run().then(() => {
      asked.resolve();
      if (this.#holder !== asked) return;
      this.#holder = null;
      const next = this.#queue.shift();
      if (next) this.#hold(next);
    });
  }
}

const turn = () => vi.advanceTimersByTimeAsync(0);
const patience = () => vi.advanceTimersByTimeAsync(500);

class Pane {
  said: Ownership[] = [];
  owner = new Owner("agent-1", (state) => this.said.push(state));
  get now() {
    return this.said.at(-1);
  }
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("navigator", { locks: new Locks() });
});

afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

test("the first window has the desk, the second is told where it is", async () => {
  const [first, second] = [new Pane(), new Pane()];
  await patience();
  expect([first.now, second.now]).toEqual(["mine", "elsewhere"]);
});

test("a page that is loaded anew is not asked: the old one lets go while it waits", async () => {
  const before = new Pane();
  await turn();
  const after = new Pane();
  before.owner.close();
  await patience();
  expect(after.said).toEqual(["mine"]);
});

test("who takes over has it, and the other one knows", async () => {
  const [first, second] = [new Pane(), new Pane()];
  await patience();
  second.owner.takeOver();
  await turn();
  expect([first.now, second.now]).toEqual(["taken", "mine"]);
  first.owner.takeOver();
  await turn();
  expect([first.now, second.now]).toEqual(["mine", "taken"]);
});

test("a window that waits gets the desk when the other one is closed", async () => {
  const [first, second] = [new Pane(), new Pane()];
  await patience();
  first.owner.close();
  await turn();
  expect(second.said).toEqual(["elsewhere", "mine"]);
});

test("a browser without locks has one window, as far as it can tell", async () => {
  vi.stubGlobal("navigator", {});
  const only = new Pane();
  await turn();
  expect(only.now).toBe("mine");
});
