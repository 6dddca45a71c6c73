// An envelope is opened by the browser it was sealed to, and refused in every other case.
import { Aes256Gcm, CipherSuite, DhkemP256HkdfSha256, HkdfSha256 } from "@hpke/core";
import { beforeAll, describe, expect, test } from "vitest";
import { claimedWorkOrder, type Opener, openEnvelope } from "../../console/src/desk/envelope.ts";
import { makePair, toBase64Url } from "../../console/src/lib/keys.ts";
import type { Envelope } from "../../console/src/lib/types.ts";

const NOW = Date.parse("2026-11-24T09:00:00+08:00");
const suite = new CipherSuite({
  kem: new DhkemP256HkdfSha256(),
  kdf: new HkdfSha256(),
  aead: new Aes256Gcm(),
});
const bytes = (text: string) => new TextEncoder().encode(text);

let pair: CryptoKeyPair;
let opener: Opener;

async function seal(bound: Record<string, unknown>, inside: string): Promise<Envelope> {
  const aad = JSON.stringify({
    agent: "agent-1",
    exp: NOW / 1000 + 3600,
    iat: NOW / 1000 - 60,
    sid: "tag-1",
    v: 1,
    wo: "wo-1",
    ...bound,
  });
  const sender = await suite.createSenderContext({
    recipientPublicKey: pair.publicKey,
    info: bytes("songda/work-order/v1").buffer,
  });
  const ct = await sender.seal(bytes(inside).buffer, bytes(aad).buffer);
  return {
    v: 1,
    suite: "0010-0001-0002",
    kid: "kid-1",
    enc: toBase64Url(new Uint8Array(sender.enc)),
    ct: toBase64Url(new Uint8Array(ct)),
    aad,
  };
}

const plain = (wo: string) =>
  JSON.stringify({ work_order: wo, phones: [], script: [], recipient: { name: "张三" }, case: {} });

beforeAll(async () => {
  pair = await makePair();
  opener = { pair, kid: "kid-1", agent: "agent-1", sessionTag: "tag-1", now: NOW };
});

describe("r4_3a a sealed work order", () => {
  test("R4.3a opens with the key it was sealed to, whose private half cannot be exported", async () => {
    const order = await openEnvelope(await seal({}, plain("wo-1")), opener);
    expect(order.recipient.name).toBe("张三");
    await expect(crypto.subtle.exportKey("pkcs8", pair.privateKey)).rejects.toThrow();
  });

  test.each([
    ["of another agent", { agent: "agent-2" }, "envelope.agent"],
    ["of another session", { sid: "tag-2" }, "envelope.session"],
    ["that has expired", { exp: NOW / 1000 }, "envelope.expired"],
    ["whose inside names another work order", { wo: "wo-2" }, "envelope.work_order"],
    ["without an expiry", { exp: null }, "envelope.unreadable"],
  ])("%s is refused", async (_what, bound, code) => {
    await expect(openEnvelope(await seal(bound, plain("wo-1")), opener)).rejects.toMatchObject({
      code,
    });
  });

  test("with altered authenticated data is refused", async () => {
    const envelope = await seal({}, plain("wo-2"));
    const aad = envelope.aad.replace("wo-1", "wo-2");
    await expect(openEnvelope({ ...envelope, aad }, opener)).rejects.toMatchObject({
      code: "envelope.altered",
    });
  });

  test("with an altered ciphertext is refused", async () => {
    const envelope = await seal({}, plain("wo-1"));
    const flipped = (envelope.ct[0] === "A" ? "B" : "A") + envelope.ct.slice(1);
    await expect(openEnvelope({ ...envelope, ct: flipped }, opener)).rejects.toMatchObject({
      code: "envelope.altered",
    });
  });

  test("sealed to another key, of another suite or kid is refused", async () => {
    const envelope = await seal({}, plain("wo-1"));
    const other = { ...opener, pair: await makePair() };
    await expect(openEnvelope(envelope, other)).rejects.toMatchObject({ code: "envelope.altered" });
    await expect(openEnvelope({ ...envelope, suite: "0020" }, opener)).rejects.toMatchObject({
      code: "envelope.suite",
    });
    await expect(openEnvelope({ ...envelope, kid: "kid-2" }, opener)).rejects.toMatchObject({
      code: "envelope.key",
    });
  });

  test("that is no JSON at all is refused without a crash", async () => {
    const envelope = await seal({}, "not a work order");
    await expect(openEnvelope(envelope, opener)).rejects.toMatchObject({
      code: "envelope.unreadable",
    });
    expect(claimedWorkOrder({ ...envelope, aad: "{" })).toBeNull();
  });
});
