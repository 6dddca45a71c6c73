// `npm run shots`: each screen at 1366x768 and 1920x1080 in headless Chromium, judged by axe,
// pictures of the small one to the folder of $SHOTS. For development; the pictures of the documentation come from the
// test run against the real server.

import { mkdirSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { chromium, type Page } from "playwright-core";
import { settled, violations } from "./browser/look.ts";
import * as fixture from "./shots/fixture.ts";
import { Stage, serve } from "./shots/server.ts";
import { WALKS, walkThrough } from "./shots/walks.ts";

const out = process.env.SHOTS ?? "/tmp/shots";
mkdirSync(out, { recursive: true });

const stage = new Stage();
const server = serve(stage);
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"],
});

let faults = 0;
const fault = (...words: unknown[]) => {
  faults += 1;
  console.error("FAULT", ...words);
};

// Another size of the small one: SHOTS_AT=1280x720.
const [width = 1366, height = 768] = (process.env.SHOTS_AT ?? "1366x768").split("x").map(Number);
const SMALL = { width, height };
const LARGE = { width: 1920, height: 1080 };

async function fresh(): Promise<Page> {
  const context = await browser.newContext({
    viewport: SMALL,
    locale: "zh-CN",
    permissions: ["microphone"],
  });
  const page = await context.newPage();
  page.on("pageerror", (error) => fault("page error", error.message));
  page.on("console", (message) => {
    const text = message.text();
    if (message.type() === "error" && !/401|404|409/.test(text)) fault("console", text);
  });
  return page;
}

async function shot(page: Page, name: string, options: { fits?: boolean } = {}) {
  await settled(page);
  await page.screenshot({ path: join(out, `${name}.png`) });
  for (const violation of await violations(page)) fault(name, violation);
  await page.setViewportSize(LARGE);
  for (const violation of await violations(page)) fault(name, "at 1920:", violation);
  await page.setViewportSize(SMALL);
  if (options.fits) {
    const over = await page.evaluate(() =>
      [".body", ".right", ".left"].filter((selector) => {
        const element = document.querySelector(selector);
        return element !== null && element.scrollHeight > element.clientHeight + 1;
      }),
    );
    if (over.length > 0) fault(name, "does not fit:", over.join(", "));
  }
  console.log("shot", name);
}

const testId = (id: string) => `[data-testid="${id}"]`;

async function signIn(page: Page, role: string, path = "/") {
  await page.goto(base + path);
  await page.fill(testId("login-user"), role);
  await page.fill(testId("login-password"), "demo");
  await page.click(testId("login-submit"));
  await page.waitForSelector(testId("logout"));
}

async function desk() {
  const page = await fresh();
  await page.goto(base);
  await page.fill(testId("login-user"), "agent");
  await page.fill(testId("login-password"), "wrong");
  await page.click(testId("login-submit"));
  await shot(page, "login");
  await page.fill(testId("login-password"), "demo");
  await page.click(testId("login-submit"));
  await page.waitForSelector(testId("device-continue"));
  await shot(page, "desk-devices");
  await withoutMicrophone(page);
  await page.click(testId("device-continue"));
  await page.waitForSelector(testId("ready"));
  await shot(page, "desk-away");
  stage.send("agent", { state: "ready", since_at: new Date().toISOString() });
  await page.waitForSelector(testId("empty-queue"));
  await shot(page, "desk-empty");
  await rings(page);
  await ringsFromColleague(page);
  stage.send("work_order", { envelope: await stage.workOrder("wo-1") });
  stage.send("agent", { state: "reserved", since_at: new Date().toISOString() });
  await page.waitForSelector(testId("dial-0"));
  await shot(page, "desk-order", { fits: true });
  await ringsOverOrder(page);
  const dialled = stage.commanded("dial");
  await page.click(testId("dial-0"));
  await farEnd(String((await dialled).sdp ?? ""));
  stage.send("agent", { state: "calling", since_at: new Date().toISOString() });
  stage.call("ringing");
  await shot(page, "desk-ringing", { fits: true });
  const answered_at = new Date(Date.now() - 140_000).toISOString();
  stage.call("notice", { answered_at });
  await shot(page, "desk-notice", { fits: true });
  stage.call("talking", {
    answered_at,
    talk_from_at: new Date(Date.now() - 134_000).toISOString(),
  });
  await page.waitForSelector(`${testId("phase")}[data-phase="talking"]`);
  await page.keyboard.press("1");
  await page.keyboard.press("5");
  await page.keyboard.press("-");
  await page.waitForSelector(".begun");
  await shot(page, "desk-key-begun", { fits: true });
  await page.keyboard.press("Escape");
  await page.click(testId("hang-up"));
  await page.waitForSelector(testId("chip-network"));
  await shot(page, "desk-talking", { fits: true });
  await duringCall(page, answered_at);
  await page.click(testId("mute"));
  await page.keyboard.press("Alt+e");
  await page.keyboard.press("Alt+e");
  const said = stage.received.map((each) => each.type).filter((type) => type !== "ping");
  const wanted =
    "hello,hello,transfer_decline,opened,dial,tick,hold,keypad,keypad,transfer,transfer_join,transfer_complete,transfer_cancel,judge,end_politely,hello,opened,mute,hang_up";
  const samples = said.filter((type) => type !== "samples" && type !== "resume");
  if (samples.join() !== wanted) fault("commands sent:", said.join());
  const technical = { code: "C01", zh: "接通", en: "Answered" };
  const end = { by: "party", technical, is_attempt: true, talk_ms: 134_000, recorded: true };
  const until_at = new Date(Date.now() + 48_000).toISOString();
  const wrap_up = { policy: "time_boxed", until_at, extended: false };
  stage.call("ended", { answered_at, recording: false, end, wrap_up, ticks: ticks(8) });
  stage.send("agent", { state: "wrap_up", since_at: new Date().toISOString() });
  await page.waitForSelector(`${testId("phase")}[data-phase="ended"]`);
  await page.click(testId("heard-all"));
  await page.fill(testId("note"), "本人接听。");
  await shot(page, "desk-outcome", { fits: true });
  await page.click(testId("lang"));
  await shot(page, "desk-outcome-en", { fits: true });
  await page.click(testId("lang"));
  await page.click(testId("save-outcome"));
  await page.waitForSelector(testId("outcome-saved"));
  stage.send("work_order_closed", { work_order: "wo-1", reason: "saved" });
  stage.send("agent", { state: "ready", since_at: new Date().toISOString() });
  await page.waitForSelector(testId("empty-queue"));
  await shot(page, "desk-saved");

  stage.send("work_order", { envelope: await stage.workOrder("wo-2") });
  stage.call("ended", {
    call_id: "call-10",
    recording: false,
    end: { ...end, talk_ms: 0, technical: { code: "C02", zh: "无人接听", en: "No answer" } },
  });
  stage.send("error", { code: "dial.trunk_down", detail: "" });
  await page.waitForSelector(testId("error-dial.trunk_down"));
  await shot(page, "desk-unanswered", { fits: true });
  stage.wrongAgent = true;
  stage.send("work_order", { envelope: await stage.workOrder("wo-3") });
  await page.waitForSelector(testId("error-envelope.agent"));
  await shot(page, "desk-refused");
  await page.keyboard.press("?");
  await page.waitForSelector(".ant-modal");
  await shot(page, "desk-keys");
  await page.keyboard.press("Escape");
  await page.click(testId("logout"));
  await page.waitForSelector(testId("login-user"));
  const left = await page.evaluate(async () => (await indexedDB.databases()).length);
  if (left !== 0) fault("databases left after signing out:", left);
  await page.context().close();
}

/** A call that comes in: once of somebody known, once of nobody. */
async function rings(page: Page) {
  const until_at = new Date(Date.now() + 15_000).toISOString();
  const call = { call_id: "in-1", phone_masked: "138****1234", until_at };
  stage.send("incoming", { ...call, known: true, envelope: await stage.workOrder("in-1") });
  await page.waitForSelector(testId("incoming-case"));
  await shot(page, "desk-incoming", { fits: true });
  stage.send("incoming_gone", { call_id: "in-1", reason: "missed" });
  await page.waitForSelector(testId("incoming"), { state: "hidden" });
  stage.send("incoming", { ...call, call_id: "in-2", known: false, envelope: null });
  await page.waitForSelector(testId("incoming"));
  await page.click(testId("lang"));
  await shot(page, "desk-incoming-unknown-en", { fits: true });
  await page.click(testId("lang"));
  stage.send("incoming_gone", { call_id: "in-2", reason: "hung_up" });
  await page.waitForSelector(testId("incoming"), { state: "hidden" });
}

/** A call that comes in while a work order is open: what saves it stays in reach. */
async function ringsOverOrder(page: Page) {
  const until_at = new Date(Date.now() + 15_000).toISOString();
  const call = { call_id: "in-3", phone_masked: "138****1234", until_at };
  stage.send("incoming", { ...call, known: false, envelope: null });
  await page.waitForSelector(testId("incoming"));
  await shot(page, "desk-order-incoming");
  const box = await page.locator(testId("save-outcome")).boundingBox();
  if (!box || box.y + box.height > SMALL.height)
    fault("desk-order-incoming", "saving is out of reach");
  stage.send("incoming_gone", { call_id: "in-3", reason: "missed" });
  await page.waitForSelector(testId("incoming"), { state: "hidden" });
}

/** A colleague hands his call to this desk: at once, or after asking. */
async function ringsFromColleague(page: Page) {
  const call = {
    call_id: "handed-1",
    phone_masked: "138****1234",
    from_name: "刘坐席",
    mode: "attended",
    known: true,
    until_at: new Date(Date.now() + 20_000).toISOString(),
    envelope: await stage.workOrder("handed-1"),
  };
  stage.send("transfer_offer", { ...call, phase: "ringing" });
  await page.waitForSelector(`${testId("handed")} ${testId("incoming-case")}`);
  await shot(page, "desk-handed", { fits: true });
  stage.send("agent", { state: "calling", since_at: new Date().toISOString() });
  stage.send("transfer_offer", { ...call, phase: "consulting" });
  await page.waitForSelector(`${testId("handed")}[data-phase="consulting"]`);
  await page.keyboard.press("Alt+m");
  await page.click(testId("lang"));
  await shot(page, "desk-handed-consulting-en");
  await page.click(testId("lang"));
  await page.keyboard.press("Alt+m");
  stage.send("transfer_offer", { ...call, phase: "joined" });
  await page.waitForSelector(testId("handed-recording"));
  await shot(page, "desk-handed-three");
  const declined = stage.commanded("transfer_decline");
  await page.click(testId("handed-decline"));
  await declined;
  stage.send("transfer_gone", { call_id: "handed-1", reason: "declined" });
  stage.send("agent", { state: "ready", since_at: new Date().toISOString() });
  await page.waitForSelector(testId("handed"), { state: "hidden" });
}

/** The agent hands his call to a colleague, by keyboard, and asks first. */
async function handsOver(page: Page, now: object) {
  await page.keyboard.press("Alt+z");
  await page.waitForSelector(testId("target-A0003"));
  await shot(page, "desk-transfer");
  await page.fill(testId("transfer-search"), "话");
  await page.waitForSelector(testId("target-A0003"), { state: "hidden" });
  await page.fill(testId("transfer-search"), "");
  await page.waitForSelector(testId("target-A0003"));
  await page.locator(testId("transfer-search")).focus();
  await page.keyboard.press("ArrowDown");
  const asked = stage.commanded("transfer");
  await page.keyboard.press("Enter");
  const { mode, to } = await asked;
  if (mode !== "attended" || JSON.stringify(to) !== '{"kind":"seat","id":"u-zhao"}') {
    fault("handed to", mode, JSON.stringify(to));
  }
  const until_at = new Date(Date.now() + 17_000).toISOString();
  const transfer = { mode: "attended", kind: "seat", to_name: "赵敏", until_at };
  stage.call("talking", { ...now, transfer: { ...transfer, phase: "ringing" } });
  await page.waitForSelector(`${testId("transfer-bar")}[data-phase="ringing"]`);
  await shot(page, "desk-transfer-ringing", { fits: true });
  stage.call("talking", { ...now, transfer: { ...transfer, phase: "consulting" } });
  await page.waitForSelector(testId("transfer-complete"));
  await shot(page, "desk-transfer-consulting", { fits: true });
  const joined = stage.commanded("transfer_join");
  await page.keyboard.press("Alt+j");
  await joined;
  const supervision = { what: "whisper", by_name: "陈静" };
  stage.call("talking", { ...now, supervision, transfer: { ...transfer, phase: "joined" } });
  await page.waitForSelector(testId("transfer-leave"));
  await shot(page, "desk-three-way", { fits: true });
  await page.click(testId("lang"));
  await shot(page, "desk-three-way-en");
  await page.click(testId("lang"));
  await page.click(testId("transfer-leave"));
  await page.click(testId("transfer-cancel"));
  stage.call("talking", now);
  stage.send("notice", { code: "transfer.lost" });
  await page.waitForSelector(".ant-notification-notice");
  await shot(page, "desk-transfer-failed", { fits: true });
}

/** What the line seems to say: suggested, confirmed by keyboard, at odds with the exchange. */
async function lineSays(page: Page, now: object) {
  const machine = { code: "C10", zh: "机器代接", en: "Answered by a machine" };
  const heard = {
    class: "voicemail",
    confidence: 91,
    place: "answered",
    from_ms: 6_600,
    to_ms: 10_200,
    text: "您好，我现在不方便接听电话，请在嘀声后留言。",
    test_model: true,
    state: "suggested",
    conflict: false,
    code: machine,
  };
  stage.call("talking", { ...now, heard });
  await page.waitForSelector(testId("line-confirm"));
  await shot(page, "desk-line-says", { fits: true });
  await large(page, "desk-line-says-1920");
  await page.click(testId("lang"));
  await shot(page, "desk-line-says-en", { fits: true });
  await large(page, "desk-line-says-en-1920");
  await page.click(testId("lang"));
  const judged = stage.commanded("judge");
  await page.keyboard.press("Alt+y");
  if ((await judged).confirmed !== true) fault("Alt Y does not confirm what the line says");
  stage.call("talking", { ...now, heard: { ...heard, state: "confirmed", conflict: true } });
  await page.waitForSelector(testId("line-undo"));
  await shot(page, "desk-line-judged", { fits: true });
  const person = { ...heard, class: "person", text: "喂，你好。", confidence: 95, code: null };
  stage.call("talking", { ...now, heard: person });
  await page.waitForSelector(`${testId("line-says")}[data-class="person"]`);
  await shot(page, "desk-line-person", { fits: true });
  stage.call("talking", now);
  await page.waitForSelector(testId("line-says"), { state: "hidden" });
}

/** The same screen on a large monitor. */
async function large(page: Page, name: string) {
  await page.setViewportSize(LARGE);
  await page.screenshot({ path: join(out, `${name}.png`) });
  await page.setViewportSize(SMALL);
}

/** A supervisor listens, whispers and barges in, by mouse and by keyboard. */
async function supervises() {
  const page = await fresh();
  stage.role = null;
  await signIn(page, "supervisor", "/overview");
  const bar = (on: string) => page.waitForSelector(`${testId("supervise-bar")}[data-on="${on}"]`);
  await page.click(testId("listen-1026"));
  await bar("listen");
  await shot(page, "overview-listening");
  await page.keyboard.press("Alt+w");
  await bar("whisper");
  await page.click(testId("supervise-barge"));
  await bar("barge");
  await page.click(testId("lang"));
  await shot(page, "overview-barged-en");
  await page.keyboard.press("Alt+e");
  await page.waitForSelector(testId("supervise-bar"), { state: "hidden" });
  await page.context().close();
}

/** What a supervisor sees of one call, before he settles it. */
async function settles() {
  const page = await fresh();
  stage.role = null;
  await signIn(page, "supervisor", "/inbound");
  await page.locator(testId("settle")).first().click();
  await page.waitForSelector(testId("inbound-lines"));
  await shot(page, "inbound-settle");
  await page.context().close();
}

/** The first steps of the script, as they were said. */
function ticks(count: number) {
  const steps = [
    "identify",
    "verify",
    "documents",
    "consent",
    "address",
    "rights",
    "facts",
    "heard",
  ];
  return steps.slice(0, count).map((step, n) => ({
    step,
    at: new Date().toISOString(),
    offset_ms: 9_000 + n * 14_000,
  }));
}

/** Hold, keys, a form that asks for more, a party that is silent, an agent without sound. */
async function duringCall(page: Page, answered_at: string) {
  const talk_from_at = new Date(Date.now() - 134_000).toISOString();
  const now = { answered_at, talk_from_at, ticks: ticks(3) };
  await page.keyboard.press("Alt+t");
  stage.call("talking", now);
  await page.waitForSelector(`${testId("tick-documents")}:checked`);
  await page.keyboard.press("Alt+h");
  stage.call("talking", { ...now, held: true });
  await page.waitForSelector(`${testId("phase")}[data-held="yes"]`);
  await page.keyboard.press("0");
  await page.keyboard.press("1");
  await page.keyboard.press("1");
  await page.fill(testId("field-email"), "wang@example.cn");
  await shot(page, "desk-held", { fits: true });
  stage.call("talking", { ...now, digits_in: "••" });
  await page.keyboard.press("Escape");
  await page.locator("h1").first().click();
  await page.keyboard.press("Alt+k");
  await page.waitForSelector(testId("keypad-sent"));
  await page.keyboard.press("8");
  await page.keyboard.press("#");
  await shot(page, "desk-keypad");
  await page.keyboard.press("Escape");
  await page.waitForSelector(testId("keypad-sent"), { state: "hidden" });
  await handsOver(page, now);
  await lineSays(page, now);
  stage.call("talking", { ...now, party: "silent" });
  await page.waitForSelector(testId("notice-party.silent"));
  await shot(page, "desk-silent");
  const away_until_at = new Date(Date.now() + 22_000).toISOString();
  stage.call("talking", { ...now, away_until_at });
  await page.waitForSelector(testId("resume"));
  await shot(page, "desk-away-in-call");
  stage.call("talking", now);
  await page.waitForSelector(testId("resume"), { state: "hidden" });
  stage.send("notice", { code: "call.agent_back" });
  await page.waitForSelector(".ant-notification-notice");
  await shot(page, "desk-back");
  await page.evaluate(async () => {
    const all = await navigator.mediaDevices.enumerateDevices();
    const gone = all.filter((device) => !device.label.startsWith("Fake Audio Input 1"));
    navigator.mediaDevices.enumerateDevices = () => Promise.resolve(gone);
    navigator.mediaDevices.dispatchEvent(new Event("devicechange"));
  });
  await page.waitForSelector(".ant-notification-notice:has-text('设备已拔出')");
  await page.waitForSelector(testId("chip-network"));
  await shot(page, "desk-device-gone");
  await page.keyboard.press("Alt+g");
  await page.waitForSelector(testId("polite-child"));
  await shot(page, "desk-polite");
  await page.click(testId("polite-abuse"));
  stage.call("talking", { ...now, parting: "farewell" });
  await shot(page, "desk-parting");
  stage.send("session_expired");
  await page.waitForSelector(testId("relogin"));
  await shot(page, "desk-relogin");
  await page.fill(testId("relogin-user"), "agent");
  await page.fill(testId("relogin-password"), "demo");
  await page.click(testId("relogin-submit"));
  await page.waitForSelector(testId("relogin"), { state: "hidden" });
  stage.send("work_order", { envelope: await stage.workOrder("wo-1") });
  stage.call("talking", now);
  await page.waitForSelector(`${testId("phase")}[data-phase="talking"]`);
  await page.keyboard.press("0");
  await page.keyboard.press("1");
  await page.keyboard.press("5");
}

/** What is not the call: outcomes that wait, a new version, another machine, the devices. */
async function besideCalls() {
  stage.role = null;
  stage.owed = fixture.owed;
  stage.build = "/assets/other.js";
  stage.agent = { state: "paused", since_at: new Date(Date.now() - 65_000).toISOString() };
  const page = await fresh();
  await signIn(page, "agent", "/desk");
  await page.click(testId("device-continue"));
  await page.waitForSelector(testId("owed"));
  await shot(page, "desk-owed");
  await page.click(testId("owed-call-owed-1"));
  await page.waitForSelector(testId("contact-W1"));
  await shot(page, "desk-owed-form");
  await page.click(testId("devices"));
  await page.waitForSelector(testId("device-bell"));
  await shot(page, "desk-device-settings");
  await page.keyboard.press("Escape");
  const second = await page.context().newPage();
  await second.goto(`${base}/desk`);
  await second.waitForSelector(testId("take-over"));
  await shot(second, "desk-take-over");
  await second.click(testId("take-over"));
  await second.waitForSelector(testId("chip-state"));
  await page.waitForSelector(testId("error-line.replaced"));
  await shot(page, "desk-taken");
  stage.occupied = true;
  await second.reload();
  await second.waitForSelector(testId("take-over"));
  await shot(second, "desk-occupied");
  await page.context().close();
  stage.occupied = false;
}

/** A refused microphone says what to do; a reload asks anew, with the key that was kept. */
async function withoutMicrophone(page: Page) {
  await page.evaluate(() => {
    navigator.mediaDevices.getUserMedia = () =>
      Promise.reject(new DOMException("no", "NotAllowedError"));
  });
  await page.evaluate(() => navigator.mediaDevices.dispatchEvent(new Event("devicechange")));
  await page.waitForSelector(testId("error-microphone.refused"));
  await shot(page, "desk-no-microphone");
  const key = stage.publicKey;
  await page.reload();
  await page.waitForSelector(`${testId("device-continue")}:enabled`);
  if (stage.publicKey !== key) fault("a reload made another key");
}

/** Answers the agent's offer from another page, as the server's media would. */
async function farEnd(sdp: string) {
  const codecs = [...sdp.matchAll(/a=rtpmap:\d+ (\S+)/g)].map((found) => found[1]);
  if (codecs.join() !== "PCMA/8000,PCMU/8000,telephone-event/8000") fault("offer:", codecs.join());
  const page = await fresh();
  await page.goto(`${base}/blank`);
  const answer = await page.evaluate(async (offer) => {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    const peer = new RTCPeerConnection();
    for (const track of stream.getTracks()) peer.addTrack(track, stream);
    await peer.setRemoteDescription({ type: "offer", sdp: offer });
    const gathered = new Promise<void>((resolve) => {
      peer.onicegatheringstatechange = () => peer.iceGatheringState === "complete" && resolve();
    });
    await peer.setLocalDescription(await peer.createAnswer());
    await gathered;
    return peer.localDescription?.sdp ?? "";
  }, sdp);
  stage.send("answer", { call_id: "call-9", sdp: answer });
}

/** Plays, jumps by a line, parts the channels: by what the page itself shows. */
async function listen() {
  stage.role = null;
  const page = await fresh();
  await signIn(page, "judge", "/tasks/task-1");
  await page.waitForSelector(testId("transcript-line"));
  await page.click(testId("play"));
  const at = (time: string) =>
    page.waitForFunction(
      (wanted) => document.querySelector("[data-testid=position]")?.textContent?.startsWith(wanted),
      time,
      { timeout: 8_000 },
    );
  await at("00:01");
  await page.click(`${testId("transcript-line")}:nth-child(4) .seek`);
  await at("00:34");
  await page.waitForSelector(`${testId("transcript-line")}:nth-child(4)[aria-current]`);
  await page.click(".ant-segmented-item:has-text('对方')");
  await at("00:36");
  await page.click(".ant-segmented-item:has-text('1.5')");
  await page.locator(testId("transcript-line")).nth(2).hover();
  await page.locator(testId("transcript-line")).nth(2).locator(".edit").click();
  await shot(page, "task-playing");
  await page.locator(".wave").click({ position: { x: 300, y: 40 } });
  await at("01:");
  await page.context().close();
}

/** A picture's name, where the page stands, and what it shows once it is there. */
type Shown = [name: string, path: string, wait: string];

async function screens(role: string, list: Shown[], language = "zh-CN") {
  stage.role = null;
  const page = await fresh();
  await signIn(page, role);
  if (language === "en") await page.click(testId("lang"));
  for (const [name, path, wait] of list) {
    await page.goto(base + path);
    await page.waitForSelector(wait);
    await shot(page, name);
    await whole(page, name);
  }
  await page.context().close();
}

/** The page to its end: what scrolls is inside of it. */
async function whole(page: Page, name: string) {
  const height = await page.evaluate(
    () =>
      window.innerHeight +
      Math.max(
        ...[...document.querySelectorAll("main, main *")].map((each) =>
          getComputedStyle(each).overflowY === "auto" ||
          getComputedStyle(each).overflowY === "scroll"
            ? each.scrollHeight - each.clientHeight
            : 0,
        ),
      ),
  );
  await page.setViewportSize({ width: SMALL.width, height });
  await settled(page);
  await page.screenshot({ path: join(out, `${name}-full.png`) });
  await page.setViewportSize(SMALL);
}

/** A report that was altered since, and that nobody looked at yet. */
async function refused(language: string, end: string) {
  stage.role = null;
  const page = await fresh();
  await signIn(page, "judge", "/tasks/task-1");
  if (language === "en") await page.click(testId("lang"));
  await page.locator(testId("report-view")).first().click();
  await page.waitForSelector(testId("error-file.altered"));
  await shot(page, `task-report-altered${end}`);
  await page.context().close();
}

/** The forms beside the lists of trunks and numbers. */
async function drawers() {
  stage.role = null;
  const page = await fresh();
  await signIn(page, "admin", "/lines");
  const row = (list: string) => page.locator(testId(list)).first();
  const beside = [
    ["trunk", () => row("trunk-row").getByRole("button", { name: "修改" }).click()],
    ["causes", () => row("trunk-row").getByRole("button", { name: "原因表" }).click()],
    ["number", () => row("number-row").getByRole("button", { name: "修改" }).click()],
    ["new-trunk", () => page.click(testId("add-trunk"))],
  ] as const;
  await page.waitForSelector(testId("trunk-row"));
  await shot(page, "lines-changes");
  for (const [name, call] of [
    ["ladder", "call-1"],
    ["ladder-gone", "call-2"],
    ["ladder-unknown", "nothing"],
  ] as const) {
    await page.fill(testId("ladder-call"), call);
    await page.click(testId("ladder-look"));
    await page
      .locator(call === "nothing" ? ".ladder > .none" : testId("ladder-way"))
      .first()
      .waitFor();
    await page.locator(".ladder").scrollIntoViewIfNeeded();
    await page.locator(".ladder").evaluate((section) => section.scrollIntoView({ block: "end" }));
    await shot(page, `lines-${name}`);
  }
  for (const [name, open] of beside) {
    await page.waitForSelector(testId("trunk-row"));
    await open();
    await page.waitForSelector(testId("ask"));
    await shot(page, `lines-${name}`);
    await page.keyboard.press("Escape");
    await page.waitForSelector(testId("ask"), { state: "detached" });
  }
  await page.context().close();
}

/** What an administrator looks at before he asks, and the question why. */
async function dryRun(language = "zh-CN") {
  const end = language === "en" ? "-en" : "";
  stage.role = null;
  const page = await fresh();
  await signIn(page, "admin", "/evidence/retention");
  if (language === "en") await page.click(testId("lang"));
  await page.click(testId("dry-run"));
  await page.waitForSelector(testId("plan"));
  await shot(page, `evidence-dry-run${end}`);
  await page.click(testId("dry-run-contract"));
  await page.waitForSelector(`${testId("ask-contract")}:enabled`);
  await whole(page, `evidence-contract${end}`);
  await page.click(testId("ask-contract"));
  await page.waitForSelector(testId("ask-says"));
  await shot(page, `evidence-ask${end}`);
  await page.keyboard.press("Escape");
  await page.waitForSelector(testId("ask-says"), { state: "detached" });
  await page.click(testId("change-periods"));
  await shot(page, `evidence-periods${end}`);
  await whole(page, `evidence-periods${end}`);
  await page.context().close();
  stage.role = null;
  const supervisor = await fresh();
  await signIn(supervisor, "supervisor", "/evidence/retention");
  if (language === "en") await supervisor.click(testId("lang"));
  await approves(supervisor, end);
  await supervisor.goto(`${base}/evidence`);
  await supervisor.click(testId("clear"));
  await supervisor.waitForSelector(testId("reason"));
  await shot(supervisor, `evidence-clear${end}`);
  await supervisor.context().close();
}

/** Nothing goes by a slip: the list, the number typed in, and a reason. */
async function approves(page: Page, end: string) {
  await page.click(testId("approve"));
  await page.waitForSelector(testId("approve-list"));
  const button = page.locator(".ant-modal-footer .ant-btn-dangerous");
  const may = async () => !(await button.isDisabled());
  await page.fill(testId("reason"), "已核对清单");
  if (await may()) fault("evidence-approve", "without the number of files");
  await page.fill(testId("approve-count"), "6");
  if (await may()) fault("evidence-approve", "with a wrong number of files");
  await page.fill(testId("approve-count"), "7");
  if (!(await may())) fault("evidence-approve", "not with list, number and reason");
  await shot(page, `evidence-approve${end}`);
  await page.fill(testId("reason"), " ");
  if (await may()) fault("evidence-approve", "without a reason");
}

const only = process.argv[2];
if (!only || only === "desk") await desk();
if (!only || only === "desk" || only === "beside") await besideCalls();
if (!only || only === "court") {
  await listen();
  await refused("zh-CN", "");
  await refused("en", "-en");
  await screens(
    "supervisor",
    [["task-no-download", "/tasks/task-1", testId("transcript-line")]],
    "en",
  );
  await screens("judge", [
    ["cases", "/cases", testId("case-row")],
    ["case", "/cases/case-1", testId("task-row")],
    ["task", "/tasks/task-1", testId("transcript-line")],
    ["task-missing", "/tasks/task-1?call=call-3", testId("banner-recording")],
  ]);
}
if (!only || only === "evidence") {
  const retention = testId("request");
  await screens("supervisor", [
    ["evidence-doubts", "/evidence", testId("doubt")],
    ["evidence-roots", "/evidence/roots", testId("root")],
    ["evidence-retention", "/evidence/retention", retention],
    ["evidence-certificate", "/evidence/certificates/certificate-1", testId("print")],
  ]);
  await screens(
    "supervisor",
    [
      ["evidence-doubts-en", "/evidence", testId("doubt")],
      ["evidence-roots-en", "/evidence/roots", testId("root")],
      ["evidence-retention-en", "/evidence/retention", retention],
      ["evidence-certificate-en", "/evidence/certificates/certificate-1", testId("print")],
    ],
    "en",
  );
  await screens("admin", [["evidence-admin", "/evidence/retention", retention]]);
  await dryRun();
  await dryRun("en");
  await screens("judge", [["evidence-case-en", "/cases/case-1", testId("hold-state")]], "en");
  await screens("auditor", [["audit-en", "/audit", "table"]], "en");
  await screens("judge", [
    ["evidence-case", "/cases/case-1", testId("hold-state")],
    ["evidence-task", "/tasks/task-1", testId("banner-doubts")],
  ]);
}
if (!only || only === "walks") {
  for (const each of WALKS) {
    stage.role = null;
    const page = await fresh();
    await signIn(page, each.role, each.path);
    await walkThrough(page, each, fault);
    await page.context().close();
  }
}
if (!only || only === "house") {
  await screens("supervisor", [
    ["overview", "/overview", ".tile"],
    ["tasks", "/tasks", testId("task-row")],
    ["orders", "/orders", "table"],
    ["inbound", "/inbound", testId("inbound-row")],
  ]);
  await supervises();
  await settles();
  await screens("admin", [
    ["users", "/users", "table"],
    ["lines", "/lines", testId("trunk-row")],
    ["health", "/health", "table"],
  ]);
  await drawers();
  await screens("auditor", [["audit", "/audit", "table"]]);
  const supervisor: Shown[] = [
    ["overview-en", "/overview", ".tile"],
    ["tasks-en", "/tasks", testId("task-row")],
    ["orders-en", "/orders", "table"],
    ["inbound-en", "/inbound", testId("inbound-row")],
  ];
  const admin: Shown[] = [
    ["users-en", "/users", "table"],
    ["lines-en", "/lines", testId("trunk-row")],
    ["health-en", "/health", "table"],
  ];
  await screens("supervisor", supervisor, "en");
  await screens("admin", admin, "en");
}
await browser.close();
server.close();
console.log(faults === 0 ? "no faults" : `${faults} faults`);
process.exit(faults === 0 ? 0 : 1);
