// What the server says in codes, as a person reads it: whole sentences of one language, and no code.
import type { ReactNode } from "react";
import { expect, test, vi } from "vitest";
import { Doubts } from "../../console/src/admin/evidence/Doubts.tsx";
import { Roots } from "../../console/src/admin/evidence/Roots.tsx";
import Health from "../../console/src/admin/Health.tsx";
import Case from "../../console/src/court/Case.tsx";
import { CaseFacts } from "../../console/src/desk/Incoming.tsx";
import { dateTime } from "../../console/src/lib/time.ts";
import { useTold } from "../../console/src/lib/told.ts";
import type { Me, Said, WorkOrder } from "../../console/src/lib/types.ts";
import Inbound from "../../console/src/supervisor/Inbound.tsx";
import Overview from "../../console/src/supervisor/Overview.tsx";
import * as evidence from "../shots/evidence.ts";
import * as fixture from "../shots/fixture.ts";
import { said } from "../shots/said.ts";
import { answer, find, inBoth, pages, settle, show, speak } from "./mounted.tsx";

pages();

function Told({ of }: { of: Said | null | undefined }) {
  return <p data-testid="told">{useTold()(of)}</p>;
}

/** How it is said in each language. */
const both = (of: Said | null | undefined) => inBoth(() => <Told of={of} />);

test("what is said inside what is said is put into the reader's words too", async () => {
  const seal = said("recording.block", { block: 14, flaw: said("flaw.seal") });
  const doubt = said("evidence.doubt", {
    kind: "recording",
    name: "",
    case: "（2026）陕0102民初11号",
    task: "SD20260001-1",
    why: seal,
  });
  const told = await both(seal);
  expect(told.en).toBe("it is altered at block 14: its seal is broken");
  expect(told["zh-CN"]).toMatch(/14/);
  expect(told["zh-CN"]).not.toMatch(/[a-z]{3}|\[object/);
  const twice = await both(doubt);
  expect(twice.en).toContain(told.en);
  expect(twice["zh-CN"]).toContain(told["zh-CN"]);
});

test("a moment is said as the court's time, and a number that is none stays as it is", async () => {
  const receipt_at_ms = Date.parse("2026-11-26T16:31:00Z");
  const signed_at_ms = Date.parse("2026-11-27T00:30:00+08:00");
  const told = await both(said("receipt.too_early", { receipt_at_ms, signed_at_ms }));
  for (const page of Object.values(told)) {
    expect(page).toContain(dateTime(new Date(receipt_at_ms).toISOString()));
    expect(page).toContain("2026-11-27 00:31");
    expect(page).not.toContain(String(receipt_at_ms));
  }
  const clock = await both(
    said("clock.right", { offset_ms: 3, against: said("clock.ntp", { ago_s: 41 }) }),
  );
  expect(clock.en).toBe("3 ms off; NTP, 41 s ago");
});

test("a code that this console does not know yet is the server's own sentence, never the code", async () => {
  const fresh = { code: "vault.haunted", values: { n: 3 }, text: "the vault is haunted by 3" };
  expect(Object.values(await both(fresh))).toEqual([fresh.text, fresh.text]);
  const inside = said("recording.block", { block: 2, flaw: fresh });
  expect((await both(inside)).en).toBe("it is altered at block 2: the vault is haunted by 3");
});

test("what was written before there were codes is said as it stands, whatever is in it", async () => {
  for (const words of ["录音文件被改动", "{}", "3 < 4 & {{text}} $t(health.ok)", ""]) {
    const plain = { code: "plain.text", values: { text: words }, text: words };
    expect(Object.values(await both(plain))).toEqual([words, words]);
  }
});

test("of nothing nothing is said", async () => {
  for (const none of [null, undefined]) expect(Object.values(await both(none))).toEqual(["", ""]);
});

const HAN = /\p{Script=Han}/u;
/** A code as the server writes it: two words and a dot between, alone. */
const CODE = /(?<![\w./-])[a-z]{2,}(?:_[a-z]+)*\.[a-z]{2,}(?:_[a-z]+)*(?![\w./-])/;

/** Cells of one row that a person reads, without names, numbers and hashes. */
function row(id: string, n: number): string {
  const rows = [...document.querySelectorAll(`[data-testid="${id}"]`)];
  return rows[n]?.textContent ?? "";
}

/** The clock of the line by which a supervisor listens in: none is opened here. */
class Beat {
  terminate() {}
}

/** One part of a page in each language, with no code in it and no value that was not put in. */
async function read(page: () => ReactNode, part: () => string) {
  const told = { zh: "", en: "" };
  for (const language of ["zh-CN", "en"] as const) {
    await speak(language);
    await show(<div key={language}>{page()}</div>);
    await settle();
    expect(part()).not.toBe("");
    const words = part();
    told[language === "en" ? "en" : "zh"] = words;
    expect(words).not.toMatch(CODE);
    expect(words).not.toMatch(/\{\{|\[object|undefined|null/);
  }
  return told;
}

test("an alarm of the overview is said in the reader's language", async () => {
  const alarm = fixture.overview.alarms[0];
  const away = {
    ...alarm,
    id: "a2",
    kind: "evidence.notary",
    said: said("evidence.notary_away", {
      why: said("notary.unreachable", { why: said("notary.no_connection") }),
    }),
  };
  answer({
    "/api/v1/overview": fixture.overview,
    "/api/v1/alarms": { items: [alarm, away] },
    "/api/v1/settings": fixture.settings,
  });
  vi.stubGlobal("Worker", Beat);
  const me = fixture.me("supervisor") as Me;
  const part = () => row("alarm", 0) && `${row("alarm", 0)} ${row("alarm", 1)}`;
  const told = await read(() => <Overview me={me} />, part);
  for (const words of ["线路", "503", "无法建立连接"]) expect(told.zh).toContain(words);
  expect(told.en).toContain("the line 电信主线 failed (503), and the next was taken");
  expect(told.en).toContain("the notary is away");
  expect(told.en).toContain("no connection");
  // What is left of Chinese is the name that the court gave its line.
  expect(told.en.replaceAll("电信主线", "")).not.toMatch(HAN);
});

test("x2_a_doubt_says_what_is_wrong_with_the_file_in_the_reader's_language", async () => {
  answer({ "/api/v1/evidence/doubts": evidence.doubts });
  const me = fixture.me("supervisor") as Me;
  const told = await read(
    () => <Doubts me={me} />,
    () => row("doubt", 0),
  );
  expect(told.en).toContain("it is altered at block 14: its seal is broken");
  expect(told.en).toContain("altered");
  expect(told.en.replaceAll("（2026）陕0102民初11号", "")).not.toMatch(HAN);
  expect(told.zh).toContain("14");
  expect(told.zh).not.toMatch(/altered|seal|block/);
});

test("x2_a_root_says_what_is_wrong_with_it_and_why_it_is_not_notarised", async () => {
  answer({ "/api/v1/evidence/roots": evidence.roots });
  const all = () =>
    Array.from({ length: 12 }, (_, n) => row("root", n))
      .join("\n")
      .trim();
  const told = await read(() => <Roots />, all);
  expect(told.en).toContain("its copy beside the vault says something else");
  expect(told.en).toContain("the notary cannot be reached: no connection");
  expect(told.en).toContain("the receipt is of another root than was handed in");
  expect(told.en).not.toMatch(HAN);
  for (const words of ["无法建立连接", "日根"]) expect(told.zh).toContain(words);
  expect(told.zh).not.toMatch(/copy|notary|receipt/);
});

test("each row of the house's health is said in the reader's language", async () => {
  answer({ "/api/v1/health": evidence.health });
  const page = () =>
    find("health-state") ? (document.querySelector("table")?.textContent ?? "") : "";
  const told = await read(() => <Health />, page);
  expect(told.en).toContain("5120 MiB an hour: full in about 31 h");
  for (const words of ["2026-11-26; 1 waiting", "the notary cannot be reached: no connection"])
    expect(told.en).toContain(words);
  expect(told.en).not.toMatch(HAN);
  expect(told.zh).toContain("5120 MiB");
  for (const words of ["无法建立连接", "2026-11-26"]) expect(told.zh).toContain(words);
  expect(told.zh).not.toMatch(/waiting|receipts|offset|full in/);
});

test("a case is read in one language: its kind, its procedure, what is asked for, the state of an order", async () => {
  const path = "/api/v1/cases/case-1";
  answer({ [path]: { ...fixture.caseDetail, doubts: [] }, [`${path}/holds`]: { items: [] } });
  const page = () => document.querySelector(".page > .head")?.textContent ?? "";
  const orders = () => document.querySelectorAll(".page > .card > .file .muted")[0]?.textContent;
  const told = await read(
    () => <Case me={fixture.me("judge") as Me} caseId="case-1" />,
    () => (page() ? `${page()} ${orders()}` : ""),
  );
  expect(told.en).toContain("civil · ordinary procedure");
  expect(told.en).toMatch(/revision 1 · hearing · service · \d{4}-/);
  expect(told.zh).toContain("民事 · 普通程序");
  expect(told.zh).toMatch(/修订 1 · 开庭 · 送达 · \d{4}-/);
});

test("a caller who shows no number, and the positions of a party, are said in the reader's language", async () => {
  answer({ "/api/v1/inbound": fixture.inbound, "/api/v1/settings/inbound": fixture.hours });
  const me = fixture.me("supervisor") as Me;
  const told = await read(
    () => <Inbound me={me} />,
    () => row("inbound-row", 1),
  );
  expect(told.zh).toContain("未显示号码");
  expect(told.en).toContain("number withheld");
  const party = fixture.workOrder("in-1", []) as unknown as WorkOrder;
  const rung = await inBoth(() => <CaseFacts order={party} />);
  expect(rung["zh-CN"]).toMatch(/^被告 阿依古丽/);
  expect(rung.en).toMatch(/^defendant 阿依古丽/);
});
