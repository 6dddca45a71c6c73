// Signing in and out, and the key that goes with it.

import { get, Problem, post, remove } from "./http.ts";
import { forgetKeys, type KeptKey, keepKey, keptKey, makePair, publicPoint } from "./keys.ts";
import type { Me, SessionKey } from "./types.ts";

const DESK = "desk.work";
/** The agent has checked microphone and headset since he signed in. */
export const DEVICES_PASSED = "songda.devices_passed";

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
  localStorage.removeItem(DEVICES_PASSED);
  await forgetKeys();
  if (may(me, DESK)) await newKey(me);
  return me;
}

/** The same person signs in anew over an open page; what stands on it stays. */
export async function signInAgain(me: Me, login: string, password: string): Promise<void> {
  const again = await post<Me>("/session", { login, password });
  if (again.user.id !== me.user.id) throw new Problem(0, { code: "login.wrong" });
}

/** Signs out. The keys go first: they must not outlive the session, whatever the network does. */
export async function signOut(): Promise<void> {
  sessionStorage.clear();
  localStorage.removeItem(DEVICES_PASSED);
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
