// The browser's key pair for sealed work orders: made at login, not extractable, kept in
// IndexedDB so that a reload can go on, gone with the whole database at logout.

import type { SessionKey } from "./types.ts";

const DATABASE = "songda-keys";
const STORE = "keys";
const CURRENT = "current";

/** What is kept: the pair, and what the server said about its public half. */
export interface KeptKey extends SessionKey {
  pair: CryptoKeyPair;
  user_id: string;
}

/** A P-256 pair whose private half never leaves WebCrypto. */
export function makePair(): Promise<CryptoKeyPair> {
  return crypto.subtle.generateKey({ name: "ECDH", namedCurve: "P-256" }, false, ["deriveBits"]);
}

/** The public half as the 65-byte uncompressed point, base64url. */
export async function publicPoint(pair: CryptoKeyPair): Promise<string> {
  return toBase64Url(new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey)));
}

export async function keepKey(key: KeptKey): Promise<void> {
  const db = await open();
  try {
    await done(db.transaction(STORE, "readwrite").objectStore(STORE).put(key, CURRENT));
  } finally {
    db.close();
  }
}

/** The kept key, if it belongs to this person and has not expired. */
export async function keptKey(userId: string, now: number): Promise<KeptKey | null> {
  const db = await open();
  try {
    const key = (await done(db.transaction(STORE, "readonly").objectStore(STORE).get(CURRENT))) as
      | KeptKey
      | undefined;
    if (!key || key.user_id !== userId || Date.parse(key.expires_at) <= now) return null;
    return key;
  } finally {
    db.close();
  }
}

/** Deletes the database with everything in it. */
export function forgetKeys(): Promise<void> {
  return new Promise((resolve) => {
    const request = indexedDB.deleteDatabase(DATABASE);
    // Another tab may hold it open: it is deleted as soon as that tab lets go.
    request.onsuccess = request.onerror = request.onblocked = () => resolve();
  });
}

function open(): Promise<IDBDatabase> {
  const request = indexedDB.open(DATABASE, 1);
  request.onupgradeneeded = () => request.result.createObjectStore(STORE);
  return done(request).then((db) => {
    db.onversionchange = () => db.close();
    return db;
  });
}

function done<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

export function toBase64Url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replace(/=+$/, "");
}

export function fromBase64Url(text: string): Uint8Array<ArrayBuffer> {
  const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (char) => char.charCodeAt(0));
}
