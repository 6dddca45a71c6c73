// A small server for looking at screens in development: the built console, the canned
// answers, and the agent's WebSocket with sealed work orders. It is no part of the product.

import { createHash } from "node:crypto";
import { EventEmitter, once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { extname, join } from "node:path";
import type { Duplex } from "node:stream";
import { Aes256Gcm, CipherSuite, DhkemP256HkdfSha256, HkdfSha256 } from "@hpke/core";
import * as evidence from "./evidence.ts";
import * as fixture from "./fixture.ts";
import * as lines from "./lines.ts";

const ROOT = join(import.meta.dirname, "../..");
const DIST = join(ROOT, "dist");
const read = (path: string) => JSON.parse(readFileSync(join(ROOT, path), "utf8"));
const rules = read("../service/rules/outcomes-v2.json");
const script = read("../desk/scripts/general-v1.json");
const types: Record<string, string> = {
  ".js": "text/javascript",
  ".css": "text/css",
  ".html": "text/html",
};

const suite = new CipherSuite({
  kem: new DhkemP256HkdfSha256(),
  kdf: new HkdfSha256(),
  aead: new Aes256Gcm(),
});

/** What the screens can be put into. */
export class Stage {
  role: string | null = null;
  publicKey = "";
  socket: Duplex | null = null;
  /** Every command of the browser, in order. */
  received: ({ type: string } & Record<string, unknown>)[] = [];
  /** The same, told by type as they come. */
  readonly commands = new EventEmitter();
  seq = 0;
  /** State that the next snapshot tells. */
  agent = { state: "paused", since_at: new Date(Date.now() - 65_000).toISOString() };
  wrongAgent = false;
  /** Another machine has the desk until it is taken over. */
  occupied = false;
  owed: object[] = [];
  build: string | null = null;

  /** The next command of a type; fails when none comes. */
  async commanded(type: string): Promise<Record<string, unknown>> {
    const [command] = await once(this.commands, type, { signal: AbortSignal.timeout(5_000) });
    return command;
  }

  send(type: string, body: object = {}) {
    this.seq += 1;
    const frame = { seq: this.seq, type, at: new Date().toISOString(), ...body };
    this.socket?.write(textFrame(JSON.stringify(frame)));
  }

  async workOrder(id: string) {
    const now = Math.floor(Date.now() / 1000);
    const agent = this.wrongAgent ? "u-other" : "u-agent";
    const aad = JSON.stringify({ agent, exp: now + 3600, iat: now, sid: "tag", v: 1, wo: id });
    const encoder = new TextEncoder();
    const sender = await suite.createSenderContext({
      recipientPublicKey: await suite.kem.deserializePublicKey(
        new Uint8Array(Buffer.from(this.publicKey, "base64url")).buffer,
      ),
      info: encoder.encode("songda/work-order/v1").buffer,
    });
    const plain = JSON.stringify(fixture.workOrder(id, script));
    const ct = await sender.seal(encoder.encode(plain).buffer, encoder.encode(aad).buffer);
    const enc = Buffer.from(sender.enc).toString("base64url");
    return {
      v: 1,
      suite: "0010-0001-0002",
      kid: "kid",
      enc,
      ct: Buffer.from(ct).toString("base64url"),
      aad,
    };
  }

  call(phase: string, more: object = {}) {
    const now = Date.now();
    this.send("call", {
      call_id: "call-9",
      work_order: "wo-1",
      phone_id: "p1",
      phone_masked: "138****1234",
      phase,
      created_at: new Date(now - 150_000).toISOString(),
      answered_at: null,
      talk_from_at: null,
      muted: false,
      recording: true,
      end: null,
      outcome_saved: false,
      held: false,
      away_until_at: null,
      resumable: false,
      recording_started_at: new Date(now - 145_000).toISOString(),
      party: "heard",
      parting: null,
      ticks: [],
      digits_in: "",
      wrap_up: null,
      end_reason: "",
      draft: null,
      ...more,
    });
  }
}

const u32 = (n: number) => [(n >>> 24) & 255, (n >>> 16) & 255, (n >>> 8) & 255, n & 255];

/** A frame of text (RFC 6455, section 5.2). */
function textFrame(words: string): Buffer {
  const payload = Buffer.from(words);
  const head =
    payload.length < 126
      ? Buffer.from([0x81, payload.length])
      : payload.length < 65_536
        ? Buffer.from([0x81, 126, payload.length >> 8, payload.length & 255])
        : Buffer.from([0x81, 127, 0, 0, 0, 0, ...u32(payload.length)]);
  return Buffer.concat([head, payload]);
}

export function serve(stage: Stage) {
  const server = createServer((request, response) => void answer(stage, request, response));
  server.on("upgrade", (request, socket) => upgrade(stage, request, socket));
  return server;
}

function upgrade(stage: Stage, request: IncomingMessage, socket: Duplex) {
  const accept = createHash("sha1")
    .update(`${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest("base64");
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  );
  // A supervisor's line answers that it is so, and nothing sounds.
  const supervises = request.url?.endsWith("/supervision/ws") === true;
  if (!supervises) {
    stage.socket = socket;
    stage.seq = 0;
  }
  socket.on("error", () => undefined);
  let waiting = Buffer.alloc(0);
  socket.on("data", (chunk: Buffer) => {
    waiting = Buffer.concat([waiting, chunk]);
    for (let frame = unmask(waiting); frame; frame = unmask(waiting)) {
      waiting = waiting.subarray(frame.taken);
      if (!frame.text) continue;
      if (supervises) supervised(socket, JSON.parse(frame.text));
      else command(stage, JSON.parse(frame.text));
    }
  });
}

function supervised(socket: Duplex, message: { type: string; call_id?: string }) {
  const told =
    message.type === "leave"
      ? { type: "over", why: "left" }
      : { type: "on", call_id: message.call_id, what: message.type };
  if (message.type !== "ping") socket.write(textFrame(JSON.stringify(told)));
}

function command(stage: Stage, message: { type: string; take_over?: boolean }) {
  stage.received.push(message);
  stage.commands.emit(message.type, message);
  if (message.type === "ping") stage.send("pong");
  if (message.type !== "hello") return;
  if (stage.occupied && !message.take_over) {
    const since_at = new Date(Date.now() - 3_600_000).toISOString();
    stage.send("occupied", { in_call: true, since_at });
    return;
  }
  stage.send("snapshot", {
    agent: stage.agent,
    work_order: null,
    call: null,
    today: { answered: 21, closed: 14 },
    queue: { ready: 0, later: 5, next_at: new Date(Date.now() + 3_600_000).toISOString() },
    owed: stage.owed,
    settings: { wrap_up: { policy: "time_boxed", seconds: 60 }, languages: ["zh", "en"] },
    build: stage.build,
    clock: { trusted: true, offset_ms: 0 },
  });
}

/** One masked frame of a browser (RFC 6455, section 5.2), if it has come in whole. */
function unmask(bytes: Buffer): { text: string; taken: number } | null {
  if (bytes.length < 6) return null;
  let length = (bytes[1] ?? 0) & 127;
  let at = 2;
  if (length === 126) {
    if (bytes.length < 8) return null;
    length = bytes.readUInt16BE(2);
    at = 4;
  }
  if (bytes.length < at + 4 + length) return null;
  const mask = bytes.subarray(at, at + 4);
  const body = bytes.subarray(at + 4, at + 4 + length).map((byte, i) => byte ^ (mask[i % 4] ?? 0));
  const isText = ((bytes[0] ?? 0) & 15) === 1;
  return { text: isText ? Buffer.from(body).toString("utf8") : "", taken: at + 4 + length };
}

async function answer(stage: Stage, request: IncomingMessage, response: ServerResponse) {
  const url = new URL(request.url ?? "/", "http://here");
  const path = url.pathname;
  const json = (status: number, body: unknown) => {
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify(body));
  };
  if (path === "/blank") {
    response.writeHead(200, { "content-type": "text/html" }).end("<!doctype html>");
    return;
  }
  if (!path.startsWith("/api/")) {
    const file = path.startsWith("/assets/") ? path : "/index.html";
    response.writeHead(200, { "content-type": types[extname(file)] ?? "text/plain" });
    response.end(readFileSync(join(DIST, file)));
    return;
  }
  const route = `${request.method} ${path.slice("/api/v1".length)}`;
  const body = await text(request);
  const callId = /\/calls\/([^/]+)\//.exec(path)?.[1] ?? "";
  if (route === "POST /session") {
    const { login, password } = JSON.parse(body);
    if (password !== "demo") return json(401, { code: "login.wrong", status: 401 });
    stage.role = login;
    return json(200, fixture.me(login));
  }
  if (route === "POST /session/key") {
    stage.publicKey = JSON.parse(body).public_key;
    const expires_at = new Date(Date.now() + 3_600_000).toISOString();
    return json(200, { kid: "kid", session_tag: "tag", expires_at });
  }
  if (route === "DELETE /session") {
    stage.role = null;
    response.writeHead(204).end();
    return;
  }
  if (/^PUT .*\/draft$/.test(route)) {
    response.writeHead(204).end();
    return;
  }
  if (!stage.role) return json(401, { code: "session.missing", status: 401 });
  if (callId === "call-3" && /recording\/(audio|peaks)/.test(path)) {
    return json(404, { code: "recording.missing", status: 404 });
  }
  if (/\/reports\/.+\/pdf$/.test(path)) {
    return json(409, { code: "file.altered", status: 409, detail: "it was altered" });
  }
  if (/recording\/audio/.test(path)) return audio(request, response);
  const routes: [RegExp, () => unknown][] = [
    [/^GET \/me$/, () => fixture.me(stage.role ?? "")],
    [/^GET \/outcomes$/, () => fixture.outcomes(rules)],
    [/^POST .*\/outcome$/, () => saved],
    [/^GET .*\/draft$/, () => null],
    [/^GET \/settings$/, () => fixture.settings],
    [/^GET \/settings\/inbound$/, () => fixture.hours],
    [/^GET \/inbound$/, () => fixture.inbound],
    [/^GET \/inbound\/.+\/transcript$/, () => fixture.inboundLines],
    [/^GET \/cases$/, () => fixture.cases],
    [/^GET \/cases\/.+\/holds$/, () => evidence.holds],
    [/^GET \/cases\/.+$/, () => ({ ...fixture.caseDetail, doubts: [evidence.doubts.items[0]] })],
    [/^GET \/evidence\/roots$/, () => evidence.roots],
    [/^GET \/evidence\/doubts$/, () => evidence.doubts],
    [/^GET \/retention\/contract-end$/, () => evidence.endPlan],
    [/^GET \/retention\/requests\/.+$/, () => evidence.requestDetail],
    [/^GET \/retention(\?again=1)?$/, () => evidence.retention],
    [/^GET \/retention\/plan$/, () => evidence.plan],
    [/^GET \/retention\/certificates\/.+$/, () => evidence.certificate],
    [/^GET \/tasks$/, () => fixture.tasks],
    [/^GET \/tasks\/.+$/, () => ({ ...fixture.task, doubts: [evidence.doubts.items[0]] })],
    [/recording$/, () => fixture.verdict(callId)],
    [/peaks$/, () => fixture.peaks()],
    [/transcript$/, () => fixture.transcript],
    [/^GET \/desk\/transfer-targets$/, () => fixture.transferTargets],
    [/^GET \/overview$/, () => fixture.overview],
    [/^GET \/orders$/, () => fixture.orders],
    [/^GET \/users$/, () => fixture.users],
    [/^GET \/audit$/, () => fixture.audit],
    [/^GET \/health$/, () => evidence.health],
    [/^GET \/telephony\/trunks$/, () => lines.trunks],
    [/^GET \/telephony\/numbers$/, () => lines.numbers],
    [/^GET \/telephony\/changes$/, () => lines.changes],
    [/^GET \/telephony\/phones$/, () => lines.phones],
    [/^GET \/telephony\/trunks\/.+\/causes$/, () => lines.causes],
    [/^GET \/telephony\/calls\/call-1\/ladder$/, () => lines.ladder],
    [/^GET \/telephony\/calls\/call-2\/ladder$/, () => lines.ladderGone],
  ];
  const found = routes.find(([pattern]) => pattern.test(route));
  if (found) return json(200, found[1]());
  json(404, { code: "http.404", status: 404 });
}

/** 188 seconds of 8 kHz stereo, 440 Hz left and 1,000 Hz right, by byte range. */
const wav = (() => {
  const frames = 188 * 8000;
  const file = Buffer.alloc(44 + frames * 4);
  file.write("RIFF", 0);
  file.writeUInt32LE(36 + frames * 4, 4);
  file.write("WAVEfmt ", 8);
  file.writeUInt32LE(16, 16);
  file.writeUInt16LE(1, 20);
  file.writeUInt16LE(2, 22);
  file.writeUInt32LE(8000, 24);
  file.writeUInt32LE(32_000, 28);
  file.writeUInt16LE(4, 32);
  file.writeUInt16LE(16, 34);
  file.write("data", 36);
  file.writeUInt32LE(frames * 4, 40);
  for (let n = 0; n < frames; n++) {
    file.writeInt16LE(Math.round(8000 * Math.sin((n * 440 * 2 * Math.PI) / 8000)), 44 + n * 4);
    file.writeInt16LE(Math.round(8000 * Math.sin((n * 1000 * 2 * Math.PI) / 8000)), 46 + n * 4);
  }
  return file;
})();

function audio(request: IncomingMessage, response: ServerResponse) {
  const range = /bytes=(\d+)-(\d*)/.exec(request.headers.range ?? "");
  const from = range ? Number(range[1]) : 0;
  const to = range?.[2] ? Number(range[2]) : wav.length - 1;
  response.writeHead(range ? 206 : 200, {
    "content-type": "audio/wav",
    "accept-ranges": "bytes",
    "content-length": to - from + 1,
    ...(range ? { "content-range": `bytes ${from}-${to}/${wav.length}` } : {}),
  });
  response.end(wav.subarray(from, to + 1));
}

const saved = {
  attempt_no: 3,
  task_phase: "电话告知",
  next_zh: "电话送达，出具报告书",
  next_en: "Served by telephone, report follows",
};

async function text(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts).toString("utf8");
}
