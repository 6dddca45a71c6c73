// Canned answers of the contract, with the awkward names and numbers, for looking at screens
// in development. Nothing here is part of the product.

import type { OutcomeTable } from "../../console/src/lib/types.ts";
import { said } from "./said.ts";

export const day = (offset: number, time: string) => {
  const date = new Date(Date.now() + offset * 86_400_000).toISOString().slice(0, 10);
  return `${date}T${time}:00+08:00`;
};

const permissions: Record<string, string[]> = {
  agent: ["me.read", "desk.work", "outcomes.read", "outcome.save"],
  judge: [
    "outcomes.read",
    "orders.read",
    "case.read",
    "task.read",
    "recording.play",
    "recording.download",
    "transcript.read",
    "transcript.edit",
    "report.read",
    "hold.manage",
  ],
  supervisor: [
    "outcomes.read",
    "overview.read",
    "task.read",
    "case.read",
    "recording.play",
    "transcript.read",
    "transcript.edit",
    "report.read",
    "orders.read",
    "alarms.read",
    "health.read",
    "court.read",
    "inbound.manage",
    "settings.manage",
    "call.supervise",
    "evidence.read",
    "evidence.clear",
    "retention.read",
    "retention.decide",
    "hold.manage",
  ],
  admin: [
    "users.read",
    "alarms.read",
    "health.read",
    "telephony.manage",
    "evidence.read",
    "retention.read",
    "retention.ask",
  ],
  auditor: ["audit.read"],
};

const NAMES: Record<string, string> = {
  judge: "陆法官",
  supervisor: "陈静",
  admin: "赵强",
  auditor: "周正",
};

export const me = (role: string) => ({
  user: { id: `u-${role}`, name: NAMES[role] ?? "刘敏", staff_no: "1026", role },
  court: { id: "court-1", name: "新城区人民法院", code: "陕0102" },
  permissions: permissions[role] ?? [],
  demo: true,
});

/** The table as the server sends it: what a rule leaves open is empty, never left out. */
export const outcomes = (rules: OutcomeTable): OutcomeTable => ({
  ...rules,
  businesses: rules.businesses.map((each) => ({
    ...each,
    contacts: each.contacts ?? [],
    heard_all: each.heard_all ?? false,
    one_of: each.one_of ?? [],
    fields: (each.fields ?? []).map((field) => ({
      ...field,
      options: field.options ?? [],
      write_only: field.write_only ?? false,
    })),
  })),
});

export const workOrder = (id: string, script: unknown) => ({
  v: 1,
  work_order: id,
  task_id: "task-1",
  task_number: "SD20260001-01",
  order_no: "SD20260001",
  link: "开庭",
  order_kind: "送达",
  finish_by: null,
  urgency: "普通",
  court: { name: "新城区人民法院" },
  agent: { name: "刘敏", staff_no: "1026" },
  case: {
    number: "（2026）陕0102民初11号",
    cause: "买卖合同纠纷",
    kind: "民事",
    procedure: "普通程序",
    dept: "民一庭",
    judge_name: "陆法官",
    hearing_at: day(17, "09:30"),
    hearing_room: "第三法庭",
    evidence_until: day(10, "17:00").slice(0, 10),
  },
  recipient: {
    name: "阿依古丽·买买提",
    position: "被告",
    kind: "自然人",
    id_masked: "650***********002X",
    language: "",
  },
  others: Array.from({ length: 12 }, (_, n) => ({
    position: n === 0 ? "原告" : "第三人",
    name: n === 0 ? "秦川机械厂" : `西安市新城区某某物资贸易有限责任公司第${n}分公司`,
  })),
  phones: [
    phone("p1", "138****1234", "送达地址确认书", "手机", "有效", null),
    phone("p2", "029-****6677", "起诉状", "单位电话", "有效", "无人接听"),
    phone("p3", "155****0902", "起诉状", "手机", "空号", "空号"),
  ],
  documents: ["传票", "起诉状副本", "举证通知书", "应诉通知书", "合议庭组成人员通知书"].map(
    (name) => ({ name, class: "D1", pages: 3, copies: 1 }),
  ),
  history: [
    { at: day(-2, "10:06"), text_zh: "无人接听 · 振铃 48 秒", text_en: "No answer, rang 48 s" },
    { at: day(-3, "16:31"), text_zh: "155****0902 空号", text_en: "155****0902 does not exist" },
    { at: day(-3, "15:02"), text_zh: "收到送达委托 SD20260001", text_en: "Order received" },
  ],
  script,
  attempts: 2,
  // The second order of the day takes up a consent that was cut off.
  resumed_from: id === "wo-2" ? { call_id: "call-0", ticks: ticks().slice(0, 4) } : null,
});

function phone(
  phone_id: string,
  masked: string,
  source: string,
  label: string,
  state: string,
  last_result: string | null,
) {
  const dialable = state === "有效";
  const why_not = dialable ? "" : "phone.dead";
  return { phone_id, masked, source, label, state, last_result, dialable, why_not };
}

const caseRow = (n: number) => ({
  id: `case-${n}`,
  number: n === 4 ? "（2026）陕0102知民初字第10086号之一" : `（2026）陕0102民初${11 + n}号`,
  cause: n === 2 ? "侵害作品信息网络传播权及不正当竞争纠纷" : "买卖合同纠纷",
  kind: "民事",
  dept: "民一庭",
  judge_name: "陆法官",
  hearing_at: n === 3 ? null : day(17 + n, "09:30"),
  parties: n === 2 ? 13 : 2,
  tasks: { total: n === 2 ? 12 : 1, done: n % 2 },
  last_event_at: day(-n, "09:20"),
});

const taskRow = (n: number) => ({
  id: `task-${n}`,
  number: `SD2026000${n}-01`,
  case_id: "case-1",
  case_number: "（2026）陕0102民初11号",
  recipient: ["阿依古丽·买买提", "欧阳震华", "西安市新城区某某物资贸易有限责任公司第一分公司"][
    n % 3
  ],
  position: "被告",
  phase: ["送达完成", "待外呼", "待转渠道"][n % 3] ?? "",
  result: n % 3 === 0 ? "送达成功" : "未定",
  next_step: ["", "按约定时间回拨", "安排翻译或其他方式"][n % 3] ?? "",
  priority: 3,
  attempts: n,
  deadline: day(12, "17:00").slice(0, 10),
  last_event_at: day(-1, "09:20"),
});

const gap = {
  path: "parties[0].phones[0].no",
  said: { code: "gap.phone", values: { party: 1, phone: 1 }, text: "telephone 1 has no number" },
};

export const cases = { items: Array.from({ length: 9 }, (_, n) => caseRow(n)), next_cursor: "9" };
export const tasks = { items: Array.from({ length: 9 }, (_, n) => taskRow(n)), next_cursor: null };

export const caseDetail = {
  ...caseRow(1),
  procedure: "普通程序",
  hearing_room: "第三法庭",
  evidence_until: day(10, "17:00").slice(0, 10),
  orders: [
    {
      id: "order-1",
      order_no: "SD20260001",
      revision: 1,
      state: "已受理",
      link: "开庭",
      order_kind: "送达",
      finish_by: day(12, "17:00"),
      gaps: [],
      created_at: day(-3, "15:02"),
    },
    {
      id: "order-2",
      order_no: "SD20260009",
      revision: 2,
      state: "待补正",
      link: "开庭",
      order_kind: "送达",
      finish_by: null,
      gaps: [gap],
      created_at: day(-1, "15:02"),
    },
  ],
  tasks: [taskRow(0), taskRow(1), taskRow(2)],
};

const SHA = "9f2c4be1a70d33f5580e61c2d9a4477bb01c5de823fa94660b7d1c02e8f581ab";

export const task = {
  ...taskRow(0),
  case: {
    id: "case-1",
    number: "（2026）陕0102民初11号",
    cause: "买卖合同纠纷",
    kind: "民事",
    procedure: "普通程序",
    dept: "民一庭",
    judge_name: "陆法官",
    clerk: "白雪",
    hearing_at: day(17, "09:30"),
    hearing_room: "第三法庭",
  },
  order: {
    order_no: "SD20260001",
    revision: 1,
    link: "开庭",
    order_kind: "送达",
    finish_by: day(12, "17:00"),
    urgency: "普通",
  },
  recipient_kind: "自然人",
  id_masked: "650***********002X",
  id_state: "有效",
  result: "送达成功",
  result_rule: "S13 v1",
  result_at: day(0, "09:20"),
  nodes: [
    { key: "pushed", at: day(-3, "15:02"), state: "done" },
    { key: "received", at: day(-3, "15:02"), state: "done" },
    { key: "calling", at: day(-3, "16:31"), state: "done" },
    { key: "served", at: day(0, "09:20"), state: "now" },
    { key: "returned", at: null, state: "todo" },
  ],
  phones: [
    {
      phone_id: "p1",
      masked: "138****1234",
      source: "确认书",
      label: "手机",
      state: "有效",
      last_result: "接通",
    },
    {
      phone_id: "p3",
      masked: "155****0902",
      source: "起诉状",
      label: "手机",
      state: "空号",
      last_result: "空号",
    },
  ],
  documents: ["传票", "起诉状副本"].map((name, n) => ({
    id: `d${n}`,
    name,
    class: "D1",
    pages: 3,
    copies: 1,
    sha256: SHA,
    sm3: SHA,
    state: "已核对",
  })),
  calls: [
    call(
      "call-1",
      day(0, "09:12"),
      "138****1234",
      { code: "C01", zh: "接通", en: "Answered" },
      true,
    ),
    call(
      "call-2",
      day(-2, "10:06"),
      "138****1234",
      { code: "C02", zh: "无人接听", en: "No answer" },
      false,
    ),
    call(
      "call-3",
      day(-3, "16:31"),
      "155****0902",
      { code: "C07", zh: "空号", en: "Does not exist" },
      true,
      "missing",
    ),
  ],
  escalations: [
    {
      at: day(-2, "10:08"),
      reason: "threat",
      reason_zh: "威胁",
      reason_en: "Threat",
      agent: "刘敏 1026",
      call_id: "call-2",
    },
  ],
  attempts: [
    {
      no: 3,
      call_id: "call-1",
      at: day(0, "09:16"),
      technical: "C01",
      contact: "W1",
      business: "B05",
      heard_all: true,
      agent: "刘敏 1026",
      note: "本人接听，已清楚、完整听取开庭时间地点。",
      fields: [
        {
          id: "email",
          label_zh: "接收文书的电子邮箱",
          label_en: "E-mail for the papers",
          text_zh: "w***@example.cn",
          text_en: "w***@example.cn",
        },
      ],
    },
  ],
  reports: [1, 2].map((version) => ({
    id: `r${version}`,
    kind: "T3-phone",
    version,
    state: version === 2 ? "有效" : "已被替代",
    sha256: SHA,
    sm3: SHA.split("").reverse().join(""),
    pages: 3,
    created_at: day(0, `09:2${version}`),
    transcript_state: version === 2 ? "已附" : "转写待补",
    template: "T3-phone",
    template_version: "1",
    delivered: { state: version === 2 ? "waiting" : "done", at: day(0, "09:21") },
    removal:
      version === 2
        ? null
        : {
            deleted_at: day(-1, "10:02"),
            ground: "contract_end",
            certificate: "01KC2M7Q6V3T9XW8B5R4N1A0CE",
          },
  })),
  events: [
    event(5, day(0, "09:20"), "送达成功 · 报告书已回传办案系统", "Served; report delivered", null),
    event(
      4,
      day(0, "09:12"),
      "接通 3 分 08 秒 · 本人 · 已清楚、完整听取",
      "Answered 3:08",
      "call-1",
    ),
    event(3, day(-2, "10:06"), "无人接听 · 振铃 48 秒", "No answer", "call-2"),
    event(2, day(-3, "16:31"), "155****0902 空号 · 运营商语音已存证", "Does not exist", "call-3"),
    event(1, day(-3, "15:02"), "收到送达委托 SD20260001（修订 1）", "Order received", null),
  ],
};

function event(seq: number, at: string, text_zh: string, text_en: string, call_id: string | null) {
  return { seq, at, actor: "刘敏", kind: call_id ? "attempt" : "order", text_zh, text_en, call_id };
}

function call(
  id: string,
  at: string,
  phone_masked: string,
  technical: object,
  heard: boolean,
  state = "closed",
) {
  return {
    id,
    at,
    answered_at: heard ? at : null,
    ended_at: at,
    phone_masked,
    phone_source: "确认书",
    caller: "029-8765****",
    agent: "刘敏 1026",
    technical,
    is_attempt: true,
    talk_ms: heard ? 188_000 : 0,
    ended_by: "party",
    answer_offset_ms: 6_000,
    unsealed: false,
    recording: heard
      ? { state, duration_ms: 188_000, bytes: 6_016_044, sha256: SHA, sm3: SHA, gaps: 1 }
      : null,
    transcript: heard ? { state: "ready", test_model: true } : null,
    outcome: heard ? { contact: "W1", business: "B05", heard_all: true } : null,
    outcome_state: heard ? "saved" : "owed",
    language: "zh",
    script: "general-v1",
    parting: null,
    end_reason: heard ? null : { code: "threat", zh: "威胁", en: "Threat" },
    broken_consent: false,
    resumed_from: heard ? "call-2" : null,
    transfers: heard
      ? [
          {
            at,
            settled_at: at,
            from: "陈静",
            to: "刘敏",
            kind: "seat",
            mode: "attended",
            state: "done",
            reason: "",
            offset_ms: 42_000,
          },
          {
            at,
            settled_at: at,
            from: "刘敏",
            to: "值班室话机",
            kind: "phone",
            mode: "blind",
            state: "failed",
            reason: "no_answer",
            offset_ms: null,
          },
        ]
      : [],
    marks: heard ? marks() : [],
    ticks: heard ? ticks() : [],
    network: heard
      ? {
          samples: 94,
          impaired: 3,
          rtt_ms: 38.2,
          rtt_max_ms: 212,
          jitter_ms: 6.1,
          loss: 0.004,
          loss_max: 0.06,
        }
      : null,
    quality: heard
      ? {
          agent: kept(4.3),
          agents_before: [],
          party: kept(3.4),
          target: kept(4.3),
          supervisor: null,
          until_at: null,
        }
      : null,
  };
}

function kept(mos: number) {
  const far = { lost: 2, loss: 0, jitter_ms: 3.1 };
  return { mos, received: 4_100, lost: 3, late: 1, jitter_ms: 4.2, rtt_ms: 38, far };
}

function marks() {
  return [
    { kind: "agent_away", from_ms: 62_000, to_ms: 69_500, text: "" },
    { kind: "hold", from_ms: 96_000, to_ms: 118_000, text: "" },
    { kind: "digit_in", from_ms: 121_000, to_ms: 121_000, text: "2" },
    { kind: "three_way", from_ms: 124_000, to_ms: 161_000, text: "" },
    { kind: "whispered", from_ms: 126_000, to_ms: 131_000, text: "陈静" },
    { kind: "barged", from_ms: 131_000, to_ms: 140_000, text: "陈静" },
  ];
}

function ticks() {
  return [
    ["identify", "表明身份", "Say who you are", 7],
    ["verify", "核对本人", "Check identity", 18],
    ["documents", "案件告知", "Name the case", 34],
    ["consent", "征询电子送达", "Ask for electronic service", 71],
    ["rights", "权利提示", "Tell the rights", 84],
    ["facts", "要点告知", "Tell the facts", 122],
    ["heard", "听取确认", "Confirm it was heard", 142],
  ].map(([step, title_zh, title_en, at]) => ({
    step: String(step),
    title_zh: String(title_zh),
    title_en: String(title_en),
    at: "2026-11-27T09:12:00+08:00",
    offset_ms: Number(at) * 1_000,
  }));
}

export const verdict = (id: string) =>
  id === "call-3"
    ? {
        state: "missing",
        verdict: "missing",
        said: said("file.missing"),
        duration_ms: 0,
        bytes: 0,
        sha256: SHA,
        sm3: SHA,
        answer_offset_ms: 0,
        gaps: [],
        gaps_known: true,
      }
    : {
        state: "closed",
        verdict: "intact",
        said: null,
        duration_ms: 188_000,
        bytes: 6_016_044,
        sha256: SHA,
        sm3: SHA,
        answer_offset_ms: 6_000,
        gaps: [
          { channel: "left", from_ms: 60_000, to_ms: 66_000, kind: "lost" },
          { channel: "right", from_ms: 20_000, to_ms: 31_000, kind: "unsent" },
          { channel: "right", from_ms: 90_000, to_ms: 90_000, kind: "cut" },
          { channel: "right", from_ms: 132_000, to_ms: 138_000, kind: "unknown" },
          { channel: "left", from_ms: 172_000, to_ms: 180_000, kind: "unlisted" },
        ],
        gaps_known: true,
      };

export function peaks() {
  const row = (turn: number) =>
    Buffer.from(
      Array.from({ length: 188 * 20 }, (_, i) => {
        const on = Math.floor(i / 220) % 2 === turn && Math.sin(i / 40) + Math.sin(i / 13) > -0.6;
        return on ? 30 + Math.floor(Math.abs(Math.sin(i * 1.7) * 200)) : 2;
      }),
    ).toString("base64");
  return { per_second: 20, left: row(0), right: row(1) };
}

const line = (
  no: number,
  speaker: string,
  from: number,
  text: string,
  more: Record<string, unknown> = {},
) => ({
  no,
  speaker,
  from_ms: from * 1000,
  to_ms: from * 1000 + 5000,
  text,
  original: null,
  weak: false,
  hidden: false,
  edited_by: null,
  edited_at: null,
  ...more,
});

export const transcript = {
  state: "ready",
  test_model: true,
  model_name: "songda-test-tiny",
  model_sha256: SHA,
  lines: [
    line(1, "system", 0, "本次通话将被录音。"),
    line(
      2,
      "agent",
      6,
      "您好，这里是新城区人民法院，我是送达专员刘敏，工号 1026。请问您是阿依古丽·买买提本人吗？",
    ),
    line(3, "party", 17, "对，我是，什么事？"),
    line(4, "agent", 33, "秦川机械厂起诉您买卖合同纠纷一案，12 月 10 日上午九点半开庭。", {
      original: "秦川机械厂启诉您买卖合同纠分一案，12 月 10 日上午九点半开庭。",
      edited_by: "白雪",
      edited_at: day(0, "10:30"),
    }),
    line(5, "party", 112, "我知道这个事，材料怎么给我？", { weak: true }),
    line(6, "agent", 141, "以上内容您是否已经清楚、完整听取？"),
    line(7, "party", 150, "听清楚了。"),
  ],
};

const leg = { mos: 4.3, loss: 0.002, jitter_ms: 4, rtt_ms: 38 };

export const overview = {
  at: new Date().toISOString(),
  queue: { ready: 12, later: 5, calling: 2, to_fix: 3 },
  agents: ["calling", "wrap_up", "ready", "paused", "offline"].map((state, n) => ({
    name: ["刘敏", "张伟", "古丽娜尔·艾合买提", "陈静", "赵强"][n],
    staff_no: `10${26 + n}`,
    state,
    since_at: new Date(Date.now() - (n + 1) * 134_000).toISOString(),
    due_at: n === 1 ? new Date(Date.now() - 208_000).toISOString() : null,
    overrun: n === 1,
    away_until_at: n === 0 ? new Date(Date.now() + 20_000).toISOString() : null,
    quality:
      n === 0
        ? { agent: leg, party: { ...leg, mos: 2.9, loss: 0.06 }, target: leg, supervisor: leg }
        : null,
    owed: n === 2 ? 3 : 0,
    call:
      n === 0 || n === 1
        ? {
            call_id: `call-live-${n}`,
            since_at: new Date(Date.now() - (n + 1) * 134_000).toISOString(),
            answered: true,
            supervision: n === 1 ? "whisper" : null,
            supervisor: n === 1 ? "赵主管" : null,
          }
        : null,
  })),
  alarms: [
    {
      id: "a1",
      kind: "trunk.failed",
      object_id: "court-1",
      said: said("trunk.passed_by", {
        trunk: "电信主线",
        status: 503,
        why: "Service Unavailable",
      }),
      raised_at: day(0, "09:00"),
      last_at: day(0, "09:40"),
      times: 4,
    },
  ],
};

const inboundCall = {
  state: "open",
  at: day(0, "10:12"),
  lasted_ms: 41_000,
  phone_masked: "138****1234",
  called: "02988009000",
  message: false,
  call_back: false,
  agent: "",
  talk_ms: 0,
  task: null,
  recording: "closed",
  recording_ms: 41_000,
  transcript: null,
  settled_by: "",
  settled_at: null,
  reason: "",
};

export const inbound = {
  items: [
    {
      ...inboundCall,
      id: "in-3",
      message: true,
      call_back: true,
      transcript: "ready",
      task: {
        id: "task-1",
        number: "DH20260001",
        case_number: "（2026）陕0102民初19号",
        recipient: "王小明",
      },
    },
    { ...inboundCall, id: "in-2", agent: "刘洋", talk_ms: 95_000, phone_masked: "未显示号码" },
    { ...inboundCall, id: "in-1", call_back: true, phone_masked: "029-****5678" },
  ],
  next_cursor: null,
};

export const inboundLines = {
  lines: [
    { from_ms: 0, text: "您好，这里是人民法院，本次通话将被录音。" },
    { from_ms: 21_000, text: "我是王小明，今天上午接到你们的电话，请给我回电话。" },
  ],
};

export const hours = {
  days: [1, 2, 3, 4, 5],
  opens: "08:30",
  closes: "17:30",
  exceptions: [
    { date: "2026-10-01", open: false },
    { date: "2026-10-10", open: true },
  ],
  wait_s: 60,
  message_s: 120,
};

export const orders = {
  items: [
    {
      id: "order-2",
      order_no: "SD20260009",
      source: "case-system",
      revision: 2,
      state: "待补正",
      case_number: "（2026）陕0102民初19号",
      gaps: [gap],
      created_at: day(-1, "15:02"),
    },
  ],
};

export const users = {
  items: ["agent", "supervisor", "judge", "clerk", "admin", "auditor"].map((role, n) => ({
    id: `u${n}`,
    login: role,
    name: ["刘敏", "陈静", "陆法官", "白雪", "赵强", "周正"][n],
    staff_no: `10${26 + n}`,
    role,
    disabled: n === 4,
  })),
};

/** What was done, to what, and what stands beside it. */
const AUDITED = [
  ["recording.play", "call", "ok", { sha256: "9f2c4be1" }],
  ["call.end", "call", "ok", { technical: "C01", by: "party", attempt: true }],
  ["telephony.manage", "permission", "denied", {}],
  ["call.supervision_over", "call", "ok", { why: "left", heard: true }],
  ["trunk.pause", "trunk", "ok", { on: false, reason: "" }],
].map(([action, object_kind, result, detail]) => ({
  action,
  object_kind,
  object_id: object_kind === "permission" ? action : "0199f2c4-be1a-70d3-83f5-580e61c2d9a0",
  result,
  detail,
}));

export const audit = {
  items: Array.from({ length: 14 }, (_, n) => ({
    seq: 900 - n,
    at: day(0, `09:${String(50 - n)}`),
    actor: n % 3 ? "刘敏" : "陆法官",
    role: n % 3 ? "agent" : "judge",
    ...AUDITED[n % AUDITED.length],
    ip: "10.2.3.4",
  })),
  next_cursor: "886",
};

/** 待补录: two calls whose outcome waits. */
export const owed = [
  {
    call_id: "call-owed-1",
    task_number: "T-2026-000318",
    case_number: "（2026）陕0102民初4471号",
    recipient: "王建国",
    phone_masked: "138****1234",
    ended_at: new Date(Date.now() - 1_800_000).toISOString(),
    technical: { code: "C01", zh: "接通", en: "Answered" },
    talk_ms: 96_000,
    end_reason: "",
    ticks: [],
  },
  {
    call_id: "call-owed-2",
    task_number: "T-2026-000322",
    case_number: "（2026）陕0102民初4502号",
    recipient: "西安恒远商贸有限公司",
    phone_masked: "029****1299",
    ended_at: new Date(Date.now() - 7_200_000).toISOString(),
    technical: { code: "C02", zh: "无人接听", en: "No answer" },
    talk_ms: 0,
    end_reason: "",
    ticks: [],
  },
];

/** How the court works at the desk. */
export const settings = { wrap_up: { policy: "time_boxed", seconds: 60 } };

export const transferTargets = {
  seats: [
    { id: "u-chen", name: "陈静", staff_no: "A0002", state: "ready", free: true },
    { id: "u-zhao", name: "赵敏", staff_no: "A0003", state: "reserved", free: true },
    { id: "u-sun", name: "孙磊", staff_no: "A0005", state: "calling", free: false },
    { id: "u-wu", name: "吴桐", staff_no: "A0006", state: "paused", free: false },
  ],
  phones: [
    { id: "p-801", name: "值班室话机", extension: "801", free: true },
    { id: "p-802", name: "立案庭话机", extension: "802", free: false },
  ],
};
