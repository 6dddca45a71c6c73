// The desk names what an outcome lacks by the same table as the server.
import { expect, test } from "vitest";
import {
  allows,
  type Choice,
  emptyChoice,
  emptyFields,
  fieldsToSend,
  keysOf,
  missing,
  withContact,
  withKeys,
  withServers,
} from "../../console/src/desk/outcome.ts";
import { fillScript } from "../../console/src/desk/script.ts";
import type { CallState, OutcomeTable } from "../../console/src/lib/types.ts";

const words = { zh: "", en: "", next_zh: "", next_en: "" };
const plain = { fields: [], one_of: [] };
const table: OutcomeTable = {
  version: 1,
  minimum_talk_ms: 20_000,
  technical: [],
  contacts: [
    { code: "W1", key: 1, zh: "", en: "" },
    { code: "W9", key: 9, zh: "", en: "" },
    { code: "W10", key: null, zh: "", en: "" },
    { code: "W12", key: null, zh: "", en: "" },
  ],
  businesses: [
    { code: "B05", key: 5, contacts: ["W1"], heard_all: true, ...plain, ...words },
    { code: "B07", key: 7, contacts: [], heard_all: false, ...plain, ...words },
  ],
};
const call = (talk_ms: number, over: Partial<CallState> = {}): CallState => ({
  call_id: "c",
  work_order: "w",
  phone_id: "p",
  phone_masked: "138****1234",
  phase: "ended",
  created_at: "",
  answered_at: "2026-11-24T09:00:00+08:00",
  talk_from_at: null,
  muted: false,
  recording: false,
  end: {
    by: "party",
    technical: { code: "C01", zh: "接通", en: "" },
    is_attempt: true,
    talk_ms,
    recorded: true,
  },
  outcome_saved: false,
  held: false,
  away_until_at: null,
  resumable: false,
  recording_started_at: null,
  party: "heard",
  parting: null,
  ticks: [],
  digits_in: "",
  wrap_up: null,
  end_reason: "",
  draft: null,
  ...over,
});
const choice = (over: Partial<Choice>): Choice => ({ ...emptyChoice, ...over });

test("R4.1d heard in full is refused under twenty seconds of talk, or without a recording", () => {
  const heard = choice({ contact: "W1", business: "B05", heard_all: true });
  expect(missing(call(19_999), heard, table)).toEqual(["missing.talk"]);
  expect(missing(call(20_000), heard, table)).toEqual([]);
  const silent = call(30_000);
  if (silent.end) silent.end.recorded = false;
  expect(missing(silent, heard, table)).toEqual(["missing.recording"]);
});

test("everything that lacks is named at once", () => {
  expect(missing(null, emptyChoice, table)).toEqual(["missing.call"]);
  expect(missing(call(0, { phase: "talking", end: null }), emptyChoice, table)).toEqual([
    "missing.hang_up",
    "missing.contact",
    "missing.business",
  ]);
  expect(missing(call(1), choice({ contact: "W1", business: "B05" }), table)).toEqual([
    "missing.heard_all",
  ]);
  expect(missing(call(0), choice({ contact: "W1", business: "B05" }), table)).toContain(
    "missing.no_talk",
  );
  expect(missing(call(0), choice({ contact: "W1", business: "B07" }), table)).toEqual([]);
  expect(missing(call(0), choice({ contact: "W9", business: "B05" }), table)).toContain(
    "missing.contact_may_not",
  );
});

test("a call that nobody answered needs no choice", () => {
  expect(missing(call(0, { answered_at: null }), emptyChoice, table)).toEqual([]);
});

test("a machine or a wrong number stands alone", () => {
  expect(missing(call(0), choice({ contact: "W12" }), table)).toEqual([]);
  expect(missing(call(0), choice({ contact: "W10" }), table)).toEqual([]);
  const before = choice({ contact: "W1", business: "B05", heard_all: true });
  expect(withContact(before, "W12", table)).toEqual(choice({ contact: "W12" }));
});

test("digits choose by the table and never what the person cannot agree to", () => {
  const who = withKeys(emptyChoice, "contact", "9", table);
  expect(who.contact).toBe("W9");
  expect(withKeys(who, "business", "5", table).business).toBe("");
  expect(withKeys(who, "business", "7", table).business).toBe("B07");
  expect(withKeys(who, "business", "3", table)).toBe(who);
});

test("each choice has a key of its own: its digit, or minus and a digit", () => {
  for (const list of [table.contacts, table.businesses]) {
    const keys = keysOf(list);
    expect(keys.size).toBe(list.length);
    expect(new Set(keys.values()).size).toBe(list.length);
    for (const item of list) {
      expect(keys.get(item.code)).toMatch(typeof item.key === "number" ? /^[1-9]$/ : /^-[1-9]$/);
    }
  }
  const who = choice({ contact: "W1" });
  for (const [code, pressed] of keysOf(table.businesses)) {
    const may = table.businesses.some((item) => item.code === code && allows(item, "W1"));
    expect(withKeys(who, "business", pressed, table).business, pressed).toBe(may ? code : "");
  }
  expect(withKeys(emptyChoice, "contact", "-1", table).contact).toBe("W10");
});

test("a court with more than eighteen choices has keys for all of them", () => {
  const list = Array.from({ length: 20 }, (_, n) => ({ code: `B${n}`, key: null }));
  const keys = keysOf(list);
  expect([keys.get("B0"), keys.get("B8"), keys.get("B9"), keys.get("B19")]).toEqual([
    "-1",
    "-9",
    "--1",
    "---2",
  ]);
});

test("what the script names is put in, and a gap stays visible", () => {
  expect(fillScript("您是{name}吗？在{room}。", { name: "阿依古丽·买买提", room: "" })).toBe(
    "您是阿依古丽·买买提吗？在＿＿＿。",
  );
});

const field = (id: string, required: boolean) => ({
  id,
  kind: "text" as const,
  label_zh: id,
  label_en: id,
  required,
  write_only: false,
  options: [],
});

test("an outcome names the fields it needs, and of a group one is enough", () => {
  const business = {
    code: "B01",
    key: 1,
    contacts: [],
    heard_all: false,
    ...words,
    fields: [field("mobile", false), field("email", false), field("when", true)],
    one_of: [["mobile", "email"]],
  };
  const names = (fields: Choice["fields"]) =>
    emptyFields(business, { ...emptyChoice, fields }).map((each) => each.id);
  expect(names({})).toEqual(["mobile", "email", "when"]);
  expect(names({ email: "a@b.cn", when: "  " })).toEqual(["when"]);
  expect(names({ mobile: { kept: true, masked: "138****0001" }, when: "x" })).toEqual([]);
});

test("what another outcome asked for is not sent with this one", () => {
  const business = {
    code: "B08",
    key: 8,
    contacts: [],
    heard_all: false,
    ...words,
    fields: [field("at", true)],
    one_of: [],
  };
  const choice = { ...emptyChoice, fields: { at: "2026-11-28T10:00", email: "a@b.cn" } };
  expect(fieldsToSend(business, choice)).toEqual({ at: "2026-11-28T10:00" });
});

test("after a child nothing can be agreed, and who spoke is enough", () => {
  const ended = call(5_000, { end_reason: "child" });
  expect(missing(ended, { ...emptyChoice, contact: "W9" }, table)).toEqual([]);
  const chosen = { ...emptyChoice, contact: "W1" };
  expect(withKeys(chosen, "business", "5", table, true).business).toBe("");
  expect(withKeys(chosen, "business", "7", table, true).business).toBe("B07");
});

test("what a polite end fills in leaves what was typed", () => {
  const typed = { ...emptyChoice, contact: "W1", note: "骂人", fields: { email: "a@b.cn" } };
  const draft = { ...emptyChoice, business: "B17", fields: { reason: "abuse" } };
  expect(withServers(typed, draft)).toEqual({
    contact: "W1",
    business: "B17",
    heard_all: false,
    note: "骂人",
    fields: { email: "a@b.cn", reason: "abuse" },
  });
});
