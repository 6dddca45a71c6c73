// The log as a person reads it: no name of a field, no code, no count of milliseconds.
import { expect, test } from "vitest";
import Audit from "../../console/src/admin/Audit.tsx";
import * as lines from "../shots/lines.ts";
import { answer, find, inBoth, pages } from "./mounted.tsx";

pages();

const AT = Date.parse("2026-11-26T16:31:05Z");

const rows = [
  ["evidence.mark", "evidence", "altered", { kind: "report", case: "", task: null, detail: "x" }],
  [
    "evidence.notary",
    "evidence_root",
    "ok",
    { day: "2026-11-26", block: 7, number: "N1", at_ms: AT },
  ],
  ["recording.check", "call", "ok", { was: "closed", bytes: 6_016_044, transfer: "T1" }],
  ["retention.plan", "retention", "ok", { files: 7, bytes: 12, contract_end: true, kept: 2 }],
  ["order.push", "order", "received", { kind: "push", source: "s1", content: "9f2c" }],
  ["order.push", "order", "incomplete", { seats: 2, phones: 1, shown: 14 }],
  ["outcome.save", "call", "ok", { next_zh: "回访", next_en: "call again", talk_ms: 41_000 }],
  [
    "settings.change",
    "court",
    "ok",
    { wrap_up: { seconds: 60, made: true }, changed: ["a1", "b2"] },
  ],
  [
    "inbound.settings",
    "court",
    "ok",
    { days: "135", opens: "08:30", wait_s: 60, exceptions: '{"2026-10-01":false}' },
  ],
  [
    "settings.change",
    "court",
    "ok",
    { wrap_up: "discretionary", supervision: "spoken", was: { supervision: "always" } },
  ],
  [
    "retention.ask",
    "retention",
    "ok",
    { cases: 3, classes: { recording: { files: 7, bytes: 12 }, caller: { files: 1, bytes: 1 } } },
  ],
].map(([action, object_kind, result, detail], n) => ({
  seq: 90 - n,
  at: "2026-11-27T09:00:00+08:00",
  actor: n % 2 ? "operator" : "system",
  actor_name: "",
  role: n % 2 ? "operator" : "system",
  action,
  object_kind,
  object_id: "",
  result,
  detail,
  ip: "",
}));

/** What would be set on the lines is said in words too, however deep it lies. */
const wanted = lines.changes.items.map(({ to }) => to as object);
const causes = {
  valid_from: "2026-11-27T09:00:00+08:00",
  rules: [{ status: 480, q850: 20, rang_from_s: null, rang_until_s: null, code: "C04" }],
};

/** Names of what stands beside a row, within too. */
const names = (detail: unknown): string[] =>
  typeof detail === "object" && detail !== null && !Array.isArray(detail)
    ? Object.entries(detail).flatMap(([key, inner]) => [key, ...names(inner)])
    : [];

test("every row of the log is in words of the reader's language, whoever did it", async () => {
  answer({ "/api/v1/audit": { items: rows, next_cursor: null } });
  const told = await inBoth(() => <Audit />);
  expect(find("audit-row")).not.toBeNull();
  // Names of one word may be English ones too; in Chinese none may stand.
  for (const name of rows.flatMap(({ detail }) => names(detail))) {
    expect(told["zh-CN"], name).not.toMatch(new RegExp(`\\b${name}\\b`));
    if (name.includes("_")) expect(told.en, name).not.toContain(name);
  }
  for (const page of Object.values(told)) {
    expect(page).not.toContain(String(AT));
    expect(page).toContain("2026-11-27 00:31:05");
    expect(page).not.toMatch(/[{}[\]]/);
  }
  expect(told["zh-CN"]).not.toMatch(/system|operator|report|push|received|incomplete|closed/);
  for (const words of [
    "系统",
    "命令行操作员",
    "类型 送达报告书",
    "委托报文",
    "待补正",
    "原状态 已归档",
    "回访",
  ])
    expect(told["zh-CN"]).toContain(words);
  for (const words of [
    "System",
    "Operator (command line)",
    "kind Report",
    "was filed",
    "call again",
  ])
    expect(told.en).toContain(words);
  expect(told.en).not.toContain("回访");
  // What lasts is no moment.
  expect(told.en).toContain("talk (ms) 41000");
  expect(told["zh-CN"]).toContain("改动 a1、b2");
  expect(told.en).toContain("changed a1, b2");
});

test("a change of hours, settings or retention names its days, choices and classes", async () => {
  answer({ "/api/v1/audit": { items: rows, next_cursor: null } });
  const told = await inBoth(() => <Audit />);
  for (const words of [
    "接听日 周一、周三、周五",
    "2026-10-01 放假，不接听",
    "整理 必填，不限时",
    "坐席可见 耳语、插话和监听",
    "按类别 录音 文件数 7、字节 12、无案件来电 文件数 1",
  ])
    expect(told["zh-CN"]).toContain(words);
  expect(told.en).toContain("agents see whispering and barging in");
});

test("what a line would become stands in the log as on the page of the lines", async () => {
  const items = [...wanted, causes].map((to, n) => ({
    ...rows[0],
    seq: n,
    action: "telephony.ask",
    object_kind: "trunk",
    detail: { change: "change-1", to },
  }));
  answer({ "/api/v1/audit": { items, next_cursor: null } });
  const told = await inBoth(() => <Audit />);
  const [chinese, english] = [told["zh-CN"], told.en];
  for (const raw of [
    "profile",
    "password_changed",
    "max_calls",
    "q850",
    "valid_from",
    "media_source",
  ])
    expect(chinese + english, raw).not.toContain(raw);
  expect(chinese).not.toMatch(/\b(true|false|active|applied|required|name|status|code)\b/);
  expect(chinese).toContain("SIP 状态 480 Q.850 原因 20 技术代码 C04");
  expect(chinese).toContain("更换密码 是");
  expect(chinese).toContain("有效期起 2026-11-27 09:00");
});
