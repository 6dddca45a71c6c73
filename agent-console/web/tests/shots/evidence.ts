// Evidence as its pages show it: what is 待核查, roots of some days, a deletion that waits.

import { day } from "./fixture.ts";
import { said } from "./said.ts";

const hash = (seed: string) => seed.repeat(64).slice(0, 64);
const CASE = "（2026）陕0102民初11号";

const notary = (state: string, rest: object = {}) => ({
  state,
  number: null,
  block: null,
  transaction: null,
  at: null,
  said: null,
  ...rest,
});

const proof = (n: number) =>
  notary("kept", {
    number: `CZ-${String(81_200 - n).padStart(12, "0")}`,
    block: 81_200 - n,
    transaction: hash(`${n}c07a11e5`),
    at: day(-n, "00:31"),
  });

const away = said("notary.unreachable", { why: said("notary.no_connection") });

/** The newest waits, one was refused, one does not hold; the others are kept. */
const notarised = (n: number) => {
  if (n === 0) return notary("waiting", { said: away });
  if (n === 1)
    return notary("refused", { said: said("receipt.other", { part: said("part.root") }) });
  if (n === 6) return notary("broken", { said: said("receipt.bad_signature") });
  if (n === 9) return { ...proof(n), state: "unchecked" };
  return proof(n);
};

export const roots = {
  items: Array.from({ length: 12 }, (_, n) => ({
    day: day(-n - 1, "00:00").slice(0, 10),
    files: n === 3 ? 0 : 120 + n * 7,
    root: hash(`${n}9f2c4be1a7`),
    key_id: "5f1c22ab90d3e47a",
    made_at: day(-n, "00:30"),
    checked_at: n === 0 ? null : day(-n, "03:12"),
    state: n === 0 ? "unchecked" : n === 5 ? "broken" : "intact",
    said: n === 5 ? said("root.copy") : null,
    notary: notarised(n),
  })),
  next_cursor: null,
  files: 4211,
  oldest_look_at: day(-2, "11:00"),
};

const doubt = (id: string, rest: object) => ({
  id,
  object_id: "01KC2M7Q6V3T9XW8B5R4N1A0ZD",
  kind: "recording",
  name: "",
  call_id: "call-1",
  case_id: "case-1",
  case_number: CASE,
  task_id: "task-1",
  task_number: "SD20260001-1",
  verdict: "altered",
  said: said("recording.block", { block: 14, flaw: said("flaw.seal") }),
  found_at: day(-1, "03:12"),
  cleared_at: null,
  cleared_by: null,
  reason: "",
  ...rest,
});

export const doubts = {
  items: [
    doubt("doubt-1", {}),
    doubt("doubt-2", {
      kind: "report",
      name: "v1",
      call_id: null,
      verdict: "missing",
      said: said("file.missing"),
      cleared_at: day(-1, "10:40"),
      cleared_by: "陈静",
      reason: "从备份恢复，散列一致",
    }),
  ],
  next_cursor: null,
};

const hold = (id: string, rest: object) => ({
  id,
  case_id: "case-1",
  case_number: CASE,
  reason: "当事人申请再审，暂停销毁",
  set_by: "陆法官",
  set_at: day(-20, "10:02"),
  lifted_by: null,
  lifted_at: null,
  lift_reason: "",
  ...rest,
});

export const holds = { items: [hold("hold-1", {})] };

const request = (id: string, rest: object) => ({
  id,
  kind: "deletion",
  body: { files: 7, cases: 7, bytes: 42_600_000, classes: {}, reason: "保存期限届满" },
  policy_version: 1,
  state: "waiting",
  asked_by: "赵强",
  asked_at: day(-1, "09:30"),
  own: false,
  decided_by: null,
  decided_at: null,
  reason: "",
  asked_because: "保存期限届满",
  done_at: null,
  certificate: null,
  ending: null,
  ...rest,
});

const period = (code: string, days: number, least_days: number) => ({ code, days, least_days });

export const retention = {
  policy: {
    version: 0,
    valid_from: null,
    asked_by: "",
    approved_by: "",
    classes: [
      period("recording", 1096, 30),
      period("transcript", 3653, 30),
      period("receipt", 3653, 1096),
      period("document", 3653, 30),
      period("caller", 1096, 30),
    ],
  },
  requests: [
    request("request-1", {}),
    request("request-4", {
      kind: "contract_end",
      state: "approved",
      decided_by: "陈静",
      decided_at: day(-2, "10:00"),
      ending: { by: "赵强", at: day(-1, "11:00"), reason: "名单有误", own: false, agreed: null },
    }),
    request("request-2", {
      state: "done",
      decided_by: "陈静",
      decided_at: day(-30, "10:00"),
      done_at: day(-30, "10:02"),
      certificate: "certificate-1",
    }),
    request("request-3", {
      kind: "policy",
      body: { recording: 730 },
      state: "refused",
      decided_by: "陈静",
      decided_at: day(-40, "10:00"),
      reason: "录音至少保存三年",
    }),
  ],
  holds: [hold("hold-1", {})],
};

const item = (n: number) => ({
  file: `01KC2M7Q6V3T9XW8B5R4N1A${String(n).padStart(3, "0")}`,
  class: "recording",
  kind: "recording",
  case_number: `（2023）陕0102民初${1000 + n}号`,
  task_number: `SD2023${1000 + n}-1`,
  bytes: 5_800_000 + n * 91_000,
  returned_at: day(-1100 - n, "16:00"),
  due_at: day(-4 - n, "16:00"),
  state: "planned",
  why: "",
});

export const plan = {
  at: day(0, "09:00"),
  policy_version: 0,
  items: Array.from({ length: 7 }, (_, n) => item(n)),
  more: false,
  total: { files: 7, bytes: 42_600_000 },
  cases: 7,
  classes: { recording: { files: 7, bytes: 42_600_000 } },
  kept: {
    hold: { files: 12, bytes: 70_100_000 },
    open_task: { files: 220, bytes: 910_000_000 },
    not_due: { files: 3972, bytes: 21_400_000_000 },
  },
};

/** At the end of the contract everything goes; a case of three never came back. */
export const endPlan = {
  ...plan,
  items: plan.items.map((each, n) => (n % 3 === 0 ? { ...each, returned_at: null } : each)),
};

/** The request that waits, with the list that both persons see. */
export const requestDetail = {
  request: retention.requests[0],
  items: plan.items.map((each) => ({ ...each, returned_at: null, state: "waiting" })),
};

const content = {
  court: { code: "陕0102", name: "西安市新城区人民法院" },
  contract_end: true,
  asked: { by: "赵强", at: day(-31, "09:30"), reason: "服务合同于本月终止" },
  approved: { by: "陈静", at: day(-30, "10:00"), reason: "已核对清单与返还记录" },
  finished_at: day(-30, "10:02"),
  bytes: 12_100_000,
  root: { sha256: hash("b01cc5de82"), sm3: hash("77a1e04f3c") },
  files: [0, 1].map((n) => ({
    file: item(n).file,
    kind: "recording",
    case: item(n).case_number,
    task: item(n).task_number,
    sha256: hash(`${n}1ac5de823`),
    sm3: hash(`${n}fa94660b7`),
    root_of: day(-1100, "00:00").slice(0, 10),
    deleted_at: day(-30, "10:01"),
  })),
  kept: [{ file: item(2).file, case: item(2).case_number, why: "hold" }],
};

export const certificate = {
  id: "certificate-1",
  request_id: "request-2",
  object_id: "object-1",
  content,
  signed: JSON.stringify(content),
  suite: "ed25519",
  key_id: "5f1c22ab90d3e47a",
  signature: hash("e581ab9f2c") + hash("4477bb01c5"),
  is_genuine: true,
};

export const health = {
  status: "degraded",
  demo: true,
  checks: [
    { name: "database", status: "ok", said: null },
    { name: "keys", status: "ok", said: null },
    {
      name: "clock",
      status: "ok",
      said: said("clock.right", { offset_ms: 3, against: said("clock.ntp", { ago_s: 41 }) }),
    },
    {
      name: "vault",
      status: "failed",
      said: said("vault.short", { free_mib: 412, needed_mib: 1024 }),
    },
    { name: "room", status: "warn", said: said("room.fills", { mib: 5120, hours: 31, below: 48 }) },
    {
      name: "notary",
      status: "warn",
      said: said("notary.away", {
        upto: said("notary.upto", { day: "2026-11-26" }),
        waiting: 1,
        refused: 0,
        since_at_ms: Date.parse(day(0, "00:31")),
        why: away,
      }),
    },
    { name: "jobs", status: "ok", said: said("jobs.waiting", { waiting: 3 }) },
    { name: "console", status: "off", said: said("console.none") },
  ],
};
