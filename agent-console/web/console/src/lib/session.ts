// Signing in and out, and the key that goes with it.

import { get, post, remove } from "./http.ts";
import { forgetKeys, type KeptKey, keepKey, keptKey, makePair, publicPoint } from "./keys.ts";
import type { Me, SessionKey } from "./types.ts";

const DESK = "desk.work";

export const may = (me: Me, permission: string) => me.permissions.includes(permission);

export const whoAmI = () => get<Me>("/me");

/** Whether the house is in demo mode, for whoever is not signed in yet. */
export async function isDemo(): Promise<boolean> {
  const answer = await fetch("/health/ready");
  return ((await answer.json()) as { demo?: boolean }).demo === true;
}

/** Signs in; an agent's browser makes its key pair at once. */
export async function signIn(login: string, password: string): Promise<Me> {
  const me = await post<Me>("/session", { login, password });
  await forgetKeys();
  if (may(me, DESK)) await newKey(me);
  return me;
}

/** Signs out. The keys go first: they must not outlive the session, whatever the network does. */
export async function signOut(): Promise<void> {
  sessionStorage.clear();
  await forgetKeys();
  await remove<void>("/session");
}

/** The key of this session: the kept one after a reload, else a new one. */
export async function sessionKey(me: Me): Promise<KeptKey> {
  return (await keptKey(me.user.id, Date.now())) ?? (await newKey(me));
}

/** Makes a pair, tells the server its public half, keeps both. */
export async function newKey(me: Me): Promise<KeptKey> {
  const pair = await makePair();
  const said = await post<SessionKey>("/session/key", { public_key: await publicPoint(pair) });
  const key: KeptKey = { ...said, pair, user_id: me.user.id };
  await keepKey(key);
  return key;
}
