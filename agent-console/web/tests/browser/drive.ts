// A person at a browser, told what to do line by line: the acceptance suite writes one JSON
// command to standard input and reads one JSON answer. Everything that reaches the page is
// kept, so that the suite can search it for numbers that must not be there.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { listen, type Sound, sound, tones, way } from "./ears.ts";
import { compose, HandCount } from "./hands.ts";
import { settled, violations } from "./look.ts";
import { everythingKept, Seen } from "./seen.ts";

interface Command {
  do: string;
  url?: string;
  path?: string;
  id?: string;
  text?: string;
  selector?: string;
  key?: string;
  name?: string;
  folder?: string;
  /** WAV file that the microphone hears, once or over and over. */
  audio?: string;
  microphone?: "granted" | "denied";
  /** The machine has no network but its own loopback, and calls go over that. */
  loopback?: boolean;
  width?: number;
  height?: number;
  timeout_ms?: number;
  seconds?: number;
  /** Place of a tab, from 0. */
  tab?: number;
  /** Unix milliseconds. */
  from?: number;
  /** Voices by one letter each, in hertz. */
  voices?: Record<string, number>;
  wanted?: string;
  ms?: number;
}

/** The screens of courts; the last one stays. */
const SCREENS = [
  { width: 1920, height: 1080 },
  { width: 1366, height: 768 },
];

class Person {
  #browser: Browser | null = null;
  #context: BrowserContext | null = null;
  #page: Page | null = null;
  readonly #seen = new Seen();
  readonly #hands = new HandCount();

  /** Starts Chromium with a microphone that plays a file. */
  async open(command: Command): Promise<null> {
    const granted = command.microphone !== "denied";
    this.#browser = await chromium.launch({
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--autoplay-policy=no-user-gesture-required",
        "--use-fake-device-for-media-stream",
        ...(granted ? ["--use-fake-ui-for-media-stream"] : ["--deny-permission-prompts"]),
        ...(command.loopback ? ["--allow-loopback-in-peer-connection"] : []),
        ...(command.audio ? [`--use-file-for-fake-audio-capture=${command.audio}`] : []),
      ],
    });
    return null;
  }

  /** Another person at the same machine: nothing of the one before is left. */
  async visit(command: Command): Promise<null> {
    if (!this.#browser) throw new Error("no browser is open");
    await this.#context?.close();
    this.#context = await this.#browser.newContext({
      viewport: { width: command.width ?? 1366, height: command.height ?? 768 },
      ignoreHTTPSErrors: true,
      acceptDownloads: true,
      locale: "zh-CN",
      timezoneId: "Asia/Shanghai",
    });
    await this.#tab(command.url ?? "");
    return null;
  }

  /** One more tab of the same person, which is looked at from now on. */
  async #tab(url: string): Promise<void> {
    if (!this.#context) throw new Error("nobody is at the browser");
    const page = await this.#context.newPage();
    page.setDefaultTimeout(30_000);
    // Who is asked whether to leave a page in a call says yes.
    page.on("dialog", (dialog) => void dialog.accept());
    await this.#seen.watch(page);
    await listen(page);
    this.#page = page;
    await page.goto(url);
  }

  /** Closes the tab that is looked at and goes to the one before it, if there is one. */
  async #closeTab(): Promise<null> {
    await this.page.close();
    this.#page = this.#context?.pages().at(-1) ?? null;
    return null;
  }

  /** Looks at another open tab, by its place. */
  async #lookAt(place: number): Promise<null> {
    const page = this.#context?.pages()[place];
    if (!page) throw new Error(`there is no tab ${place}`);
    this.#page = page;
    await page.bringToFront();
    return null;
  }

  /** What came out of the loudspeaker since this page was loaded, or since `from` (Unix milliseconds). */
  async sound(command: Command): Promise<Sound> {
    return sound(this.page, command.from ?? 0, command.timeout_ms ?? 30_000);
  }

  get page(): Page {
    if (!this.#page) throw new Error("nobody is at the browser");
    return this.#page;
  }

  async wait(command: Command): Promise<string> {
    const found = this.page.locator(command.selector ?? "").first();
    await found.waitFor({ timeout: command.timeout_ms ?? 30_000 });
    return (await found.textContent()) ?? "";
  }

  /** A picture, and what axe finds on the page, on a large screen and on a small one. */
  async shot(command: Command): Promise<string[]> {
    const found: string[] = [];
    for (const size of SCREENS) {
      await this.page.setViewportSize(size);
      await settled(this.page);
      const over = await this.page.evaluate(
        () => document.documentElement.scrollWidth > document.documentElement.clientWidth,
      );
      if (over) found.push(`runs over the edge at ${size.width}`);
      found.push(...(await violations(this.page)));
    }
    if (command.folder) {
      mkdirSync(command.folder, { recursive: true });
      await this.page.screenshot({ path: join(command.folder, `${command.name}.png`) });
    }
    return found;
  }

  /** Stays in the call until its clock shows these seconds of talk. */
  async talk(command: Command): Promise<null> {
    const seconds = command.seconds ?? 0;
    const phase = await this.page.waitForFunction(
      (enough) => {
        const phase = document.querySelector<HTMLElement>("[data-testid=phase]")?.dataset.phase;
        const shown = document.querySelector(".call .clock")?.textContent ?? "";
        const talked = shown.split(":").reduce((sum, part) => sum * 60 + Number(part), 0);
        return (phase !== "talking" || talked >= enough) && phase;
      },
      seconds,
      { timeout: (seconds + 30) * 1_000 },
    );
    const reached = await phase.jsonValue();
    if (reached !== "talking")
      throw new Error(`the call is ${reached} before ${seconds} s of talk`);
    return null;
  }

  async download(command: Command): Promise<string> {
    const [download] = await Promise.all([
      this.page.waitForEvent("download"),
      this.page.click(command.selector ?? ""),
    ]);
    const path = join(command.folder ?? "", download.suggestedFilename());
    await download.saveAs(path);
    return path;
  }

  /** The strongest frequency of what the loudspeaker plays, in hertz. */
  async hears(): Promise<number> {
    return this.page.evaluate(async () => {
      const element = document.querySelector("audio");
      const stream = element?.srcObject;
      if (!(stream instanceof MediaStream)) return 0;
      const context = new AudioContext();
      const analyser = context.createAnalyser();
      analyser.fftSize = 8192;
      context.createMediaStreamSource(stream).connect(analyser);
      const bins = new Float32Array(analyser.frequencyBinCount);
      let best = 0;
      for (let tries = 0; tries < 40 && best === 0; tries++) {
        await new Promise((resolve) => setTimeout(resolve, 100));
        analyser.getFloatFrequencyData(bins);
        const loudest = bins.reduce((at, level, n) => (level > (bins[at] ?? 0) ? n : at), 0);
        if ((bins[loudest] ?? Number.NEGATIVE_INFINITY) > -60) best = loudest;
      }
      const hertz = (best * context.sampleRate) / analyser.fftSize;
      await context.close();
      return hertz;
    });
  }

  async act(command: Command): Promise<unknown> {
    switch (command.do) {
      case "open":
        return this.open(command);
      case "visit":
        return this.visit(command);
      case "goto":
        await this.page.goto(new URL(command.path ?? "/", this.page.url()).href);
        return null;
      case "reload":
        await this.page.reload();
        return null;
      case "fill":
        await this.page.fill(command.selector ?? "", command.text ?? "");
        return null;
      case "click":
        this.#hands.clicked();
        await this.page.click(command.selector ?? "");
        return null;
      case "press":
        this.#hands.pressed(command.key ?? "");
        await this.page.keyboard.press(command.key ?? "");
        return null;
      case "type":
        this.#hands.typed(command.text ?? "");
        await this.page.keyboard.type(command.text ?? "");
        return null;
      case "compose":
        this.#hands.typed(command.text ?? "");
        return compose(this.page, command.text ?? "", command.key);
      case "hands":
        return this.#hands.count();
      case "tab":
        await this.#tab(command.url ?? "");
        return null;
      case "stay":
        await new Promise((resolve) => setTimeout(resolve, (command.seconds ?? 0) * 1_000));
        return null;
      case "look_at":
        return this.#lookAt(command.tab ?? 0);
      case "close_tab":
        return this.#closeTab();
      case "sound":
        return this.sound(command);
      case "wait":
        return this.wait(command);
      case "talk":
        return this.talk(command);
      case "count":
        return this.page.locator(command.selector ?? "").count();
      case "where":
        return this.page.url();
      case "evaluate":
        return this.page.evaluate(command.text ?? "");
      case "shot":
        return this.shot(command);
      case "download":
        return this.download(command);
      case "tones":
        return tones(this.page, {
          voices: command.voices ?? {},
          wanted: command.wanted ?? "",
          ms: command.ms ?? 500,
          timeout: command.timeout_ms ?? 30_000,
        });
      case "way":
        return way(this.page);
      case "hears":
        return this.hears();
      case "kept":
        return everythingKept(this.page);
      case "seen":
        await this.#seen.settled();
        return { texts: this.#seen.texts, errors: this.#seen.errors };
      case "close":
        await this.#browser?.close();
        return null;
      default:
        throw new Error(`no such command: ${command.do}`);
    }
  }
}

const person = new Person();
for await (const line of createInterface({ input: process.stdin })) {
  let answer: { ok: unknown } | { failed: string };
  try {
    answer = { ok: (await person.act(JSON.parse(line))) ?? null };
  } catch (error) {
    answer = { failed: error instanceof Error ? error.message : String(error) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
await person.act({ do: "close" });
