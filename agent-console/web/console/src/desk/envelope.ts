// Opening a sealed work order (HPKE, RFC 9180, base mode) and refusing what is not ours.
//
// The server seals a work order to this browser's key and binds it to agent, session and
// time in the authenticated data. What does not fit is refused here, before anything of it
// is shown, and the refusal is visible: a silent skip would look like an empty queue.

import { Aes256Gcm, CipherSuite, DhkemP256HkdfSha256, HkdfSha256 } from "@hpke/core";
import { fromBase64Url } from "../lib/keys.ts";
import type { Envelope, WorkOrder } from "../lib/types.ts";

const SUITE = "0010-0001-0002";
const INFO = "songda/work-order/v1";
const MAX_CIPHERTEXT = 512 * 1024;

export type Refusal =
  | "envelope.unreadable"
  | "envelope.suite"
  | "envelope.key"
  | "envelope.agent"
  | "envelope.session"
  | "envelope.expired"
  | "envelope.altered"
  | "envelope.work_order";

/** Why an envelope was refused; `code` has a text in both languages. */
export class EnvelopeRefused extends Error {
  readonly code: Refusal;
  constructor(code: Refusal) {
    super(code);
    this.name = "EnvelopeRefused";
    this.code = code;
  }
}

/** Who may open it here, and now. */
export interface Opener {
  pair: CryptoKeyPair;
  kid: string;
  agent: string;
  sessionTag: string;
  now: number;
}

interface Bound {
  agent: string;
  /** Unix seconds. */
  exp: number;
  sid: string;
  wo: string;
}

/** Opens an envelope, or throws `EnvelopeRefused`. */
export async function openEnvelope(envelope: Envelope, opener: Opener): Promise<WorkOrder> {
  if (envelope.v !== 1 || envelope.suite !== SUITE) throw new EnvelopeRefused("envelope.suite");
  if (envelope.kid !== opener.kid) throw new EnvelopeRefused("envelope.key");
  const bound = readBound(envelope.aad);
  if (bound.agent !== opener.agent) throw new EnvelopeRefused("envelope.agent");
  if (bound.sid !== opener.sessionTag) throw new EnvelopeRefused("envelope.session");
  if (bound.exp * 1000 <= opener.now) throw new EnvelopeRefused("envelope.expired");
  const order = parseOrder(await decrypt(envelope, opener.pair));
  if (order.work_order !== bound.wo) throw new EnvelopeRefused("envelope.work_order");
  return order;
}

/** The work order that an envelope claims to hold; nothing else of it is trusted. */
export function claimedWorkOrder(envelope: Envelope): string | null {
  try {
    return readBound(envelope.aad).wo;
  } catch {
    return null;
  }
}

function readBound(aad: string): Bound {
  let value: unknown;
  try {
    value = JSON.parse(aad);
  } catch {
    throw new EnvelopeRefused("envelope.unreadable");
  }
  if (typeof value !== "object" || value === null) throw new EnvelopeRefused("envelope.unreadable");
  const { agent, exp, sid, wo, v } = value as Record<string, unknown>;
  if (
    typeof agent !== "string" ||
    typeof sid !== "string" ||
    typeof wo !== "string" ||
    typeof exp !== "number" ||
    v !== 1
  ) {
    throw new EnvelopeRefused("envelope.unreadable");
  }
  return { agent, exp, sid, wo };
}

async function decrypt(envelope: Envelope, pair: CryptoKeyPair): Promise<string> {
  if (envelope.ct.length > MAX_CIPHERTEXT) throw new EnvelopeRefused("envelope.unreadable");
  const encoder = new TextEncoder();
  const suite = new CipherSuite({
    kem: new DhkemP256HkdfSha256(),
    kdf: new HkdfSha256(),
    aead: new Aes256Gcm(),
  });
  try {
    const context = await suite.createRecipientContext({
      recipientKey: pair,
      enc: fromBase64Url(envelope.enc).buffer,
      info: encoder.encode(INFO).buffer,
    });
    const plain = await context.open(
      fromBase64Url(envelope.ct).buffer,
      encoder.encode(envelope.aad).buffer,
    );
    return new TextDecoder("utf-8", { fatal: true }).decode(plain);
  } catch {
    throw new EnvelopeRefused("envelope.altered");
  }
}

function parseOrder(text: string): WorkOrder {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new EnvelopeRefused("envelope.unreadable");
  }
  const order = value as Partial<WorkOrder> | null;
  if (
    typeof order !== "object" ||
    order === null ||
    typeof order.work_order !== "string" ||
    !Array.isArray(order.phones) ||
    !Array.isArray(order.script) ||
    typeof order.recipient !== "object" ||
    typeof order.case !== "object"
  ) {
    throw new EnvelopeRefused("envelope.unreadable");
  }
  return order as WorkOrder;
}
