// What an outcome still lacks, said before it is sent. The server decides (it checks the
// same table against the facts of the line); this only keeps the agent from guessing.

import type { Business, CallState, Draft, OutcomeField, OutcomeTable } from "../lib/types.ts";
import { isLive, wasAnswered } from "./state.ts";

export interface Choice {
  contact: string;
  business: string;
  heard_all: boolean;
  note: string;
  /** What the outcome asks for besides its code, by name. */
  fields: Record<string, FieldValue>;
}

/** What was typed; or what the server keeps and shows only as a mask. */
export type FieldValue = string | { kept: true; masked: string };

export const emptyChoice: Choice = {
  contact: "",
  business: "",
  heard_all: false,
  note: "",
  fields: {},
};

export const NOTE_LENGTH = 500;

/** A machine answered: nothing can have been agreed. */
const MACHINE = "W12";
/** The technical code of it, once the agent has confirmed what the line said. */
const ANSWERED_BY_MACHINE = "C10";
/** Wrong number: the contact alone may be the outcome. */
const WRONG_NUMBER = "W10";
/** The agent ended the call because of a child: the contact alone is enough. */
const CHILD = "child";

export type Missing =
  | "missing.call"
  | "missing.hang_up"
  | "missing.contact"
  | "missing.machine"
  | "missing.business"
  | "missing.heard_all"
  | "missing.talk"
  | "missing.no_talk"
  | "missing.recording"
  | "missing.contact_may_not"
  | "missing.note_long"
  | "missing.fields"
  | "missing.ticks";

/** The identity check was refused, or the call was cut off. */
const CUT_OFF = "B07";

/** Everything that keeps this choice from being saved; empty when it may be. */
export function missing(call: CallState | null, choice: Choice, table: OutcomeTable): Missing[] {
  if (!call) return ["missing.call"];
  const list: Missing[] = isLive(call) ? ["missing.hang_up"] : [];
  if (choice.note.length > NOTE_LENGTH) list.push("missing.note_long");
  if (!isLive(call) && !wasAnswered(call)) return list;
  if (!choice.contact) list.push("missing.contact");
  else if (call.end?.technical.code === ANSWERED_BY_MACHINE && choice.contact !== MACHINE) {
    list.push("missing.machine");
  }
  const business = table.businesses.find((item) => item.code === choice.business);
  if (!business) {
    if (!mayStandAlone(choice.contact) && !withChild(call)) list.push("missing.business");
    return list;
  }
  if (choice.contact && !allows(business, choice.contact)) list.push("missing.contact_may_not");
  if (call.end?.talk_ms === 0 && business.code !== CUT_OFF) list.push("missing.no_talk");
  if (business.heard_all && !choice.heard_all) list.push("missing.heard_all");
  if (emptyFields(business, choice).length > 0) list.push("missing.fields");
  if (choice.heard_all) list.push(...heardAllLacks(call, table));
  return list;
}

/** Why 已清楚、完整听取 cannot be said of an ended call. */
export function heardAllLacks(call: CallState | null, table: OutcomeTable): Missing[] {
  if (!call?.end) return [];
  const lacks: Missing[] = [];
  if (!call.end.recorded) lacks.push("missing.recording");
  if (call.end.talk_ms < table.minimum_talk_ms) lacks.push("missing.talk");
  return lacks;
}

/** A machine was confirmed: who spoke is known. */
export function withMachine(choice: Choice, call: CallState | null, table: OutcomeTable): Choice {
  const { heard } = call ?? {};
  const confirmed = heard?.state === "confirmed" && heard.code?.code === ANSWERED_BY_MACHINE;
  return confirmed && wasAnswered(call) && choice.contact !== MACHINE
    ? withContact(choice, MACHINE, table)
    : choice;
}

/** Whether the call was ended because of a child: then nothing can have been agreed. */
export function withChild(call: CallState | null): boolean {
  return call?.end_reason === CHILD;
}

/** What the server filled in by itself, put into what is being filled in here. */
export function withServers(choice: Choice, draft: Draft): Choice {
  const { business, heard_all } = draft;
  return { ...choice, business, heard_all, fields: { ...choice.fields, ...draft.fields } };
}

export function isFilled(value: FieldValue | undefined): boolean {
  return typeof value === "string" ? value.trim() !== "" : value !== undefined;
}

/** Fields that must be filled and are not; of a group of which one is enough, all. */
export function emptyFields(business: Business, choice: Choice): OutcomeField[] {
  const empty = (id: string) => !isFilled(choice.fields[id]);
  const groups = business.one_of.filter((group) => group.every(empty)).flat();
  return business.fields.filter(
    (field) => empty(field.id) && (field.required || groups.includes(field.id)),
  );
}

/** What is sent: only what this outcome asks for, nothing of another one. */
export function fieldsToSend(business: Business | undefined, choice: Choice) {
  const known = (business?.fields ?? []).filter((field) => isFilled(choice.fields[field.id]));
  return Object.fromEntries(known.map((field) => [field.id, choice.fields[field.id]]));
}

/** Whether this may be agreed with that person; with a child, only what needs nobody. */
export function allows(business: Business, contact: string, child = false): boolean {
  if (contact === MACHINE || (child && business.contacts.length > 0)) return false;
  return contact === "" || business.contacts.length === 0 || business.contacts.includes(contact);
}

/** Choosing who spoke drops an agreement that this person cannot give. */
export function withContact(choice: Choice, contact: string, table: OutcomeTable): Choice {
  const business = table.businesses.find((item) => item.code === choice.business);
  if (contact === MACHINE) return { ...choice, contact, business: "", heard_all: false };
  if (business && !allows(business, contact)) return { ...choice, contact, business: "" };
  return { ...choice, contact };
}

/** Pressed first for what comes after the ninth; it stands also beside the digits of a keyboard. */
export const MORE = "-";

/**
 * What is pressed for each of these: the digit that the table gives it, and `-` before a digit, in their
 * order, for those that have none. Past nine more, `-` is pressed twice.
 */
export function keysOf(items: { code: string; key?: number | null }[]): Map<string, string> {
  let without = 0;
  return new Map(
    items.map(({ code, key }) => {
      if (typeof key === "number") return [code, String(key)];
      const [rounds, place] = [Math.floor(without / 9), without % 9];
      without += 1;
      return [code, MORE.repeat(rounds + 1) + String(place + 1)];
    }),
  );
}

/** What is pressed chooses who spoke first, and then what was agreed. */
export function withKeys(
  choice: Choice,
  group: "contact" | "business",
  pressed: string,
  table: OutcomeTable,
  child = false,
): Choice {
  const keys = keysOf(group === "contact" ? table.contacts : table.businesses);
  const code = [...keys].find(([, each]) => each === pressed)?.[0];
  if (code === undefined) return choice;
  if (group === "contact") return withContact(choice, code, table);
  const business = table.businesses.find((item) => item.code === code);
  return business && allows(business, choice.contact, child)
    ? { ...choice, business: code }
    : choice;
}

function mayStandAlone(contact: string): boolean {
  return contact === MACHINE || contact === WRONG_NUMBER;
}
