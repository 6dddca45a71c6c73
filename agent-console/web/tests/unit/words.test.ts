// What the server says in codes has words here: errors on the desk and over HTTP, alarms,
// checks of the house, actions of the log. The codes are read from the server's own source,
// so that a new one without words is found before a person meets it.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { PHASES } from "../../console/src/court/phases.ts";
import en from "../../console/src/i18n/en.json";
import zh from "../../console/src/i18n/zh-CN.json";

const house = join(process.cwd(), "../..");
const rooms = ["api/src", ...["desk", "people", "service", "papers", "link", "store"].map(room)];
/** Where figures are counted beside them. */
const floors = ["sip/src", "media/src", "recordings/src", "asr/src", room("calls")];

function room(name: string): string {
  return `agent-console/${name}/src`;
}

/** Every file of Rust in there, with its path. */
function files(folder: string): [string, string][] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry): [string, string][] => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return files(path);
    return path.endsWith(".rs") ? [[path, readFileSync(path, "utf8")]] : [];
  });
}

const rust = (folder: string): string[] => files(folder).map(([, words]) => words);

const source = rooms.flatMap((each) => rust(join(house, each))).join("\n");

/** The first group of each match, once, in order. */
function codes(...patterns: RegExp[]): string[] {
  const found = patterns.flatMap((pattern) => [...source.matchAll(pattern)].map((hit) => hit[1]));
  return [...new Set(found.filter((code) => code !== undefined))].sort();
}

function without(prefix: string, list: string[]): string[] {
  return list.filter((code) => !(`${prefix}.${code}` in zh));
}

const CODE = "([a-z_]+(?:\\.[a-z_]+)?)";

/** What is written into the log. */
const actions = codes(
  /\b(?:action: |\.did\(\s*|of_the_house\([^"]*?,\s*|audit\(\s*&mut tx,\s*)"([a-z_]+\.[a-z_]+)"/g,
  /(?:\b|_)note\([^";{}]*?"([a-z_]+\.[a-z_]+)"/g,
);

/** What rings. */
const alarms = codes(
  /alarms::raise\([^;{}]*?"([a-z_]+\.[a-z_]+)"/g,
  /\.alarm\(\s*"([a-z_]+\.[a-z_]+)"/g,
);

const operations = readFileSync(join(house, "docs/operations.md"), "utf8");

test("each error code of the server has words", () => {
  const list = codes(
    new RegExp(`(?:Problem|Self)::new\\(\\s*StatusCode::\\w+,\\s*"${CODE}"`, "g"),
    new RegExp(`tell_error\\(\\s*"${CODE}"`, "g"),
    new RegExp(`"code":\\s*"${CODE}"`, "g"),
    new RegExp(`Some\\(\\(\\s*"${CODE}",`, "g"),
    /"((?:dial|outcome|body|query|push)\.[a-z_]+)"/g,
  ).filter((code) => !actions.includes(code));
  expect(list).toContain("login.wrong");
  expect(list).toContain("dial.trunk_down");
  expect(list.length).toBeGreaterThan(35);
  expect(without("error", list)).toEqual([]);
});

test("each alarm, each check and each action of the log has words", () => {
  expect(alarms).toContain("trunk.none");
  expect(without("alarm", alarms)).toEqual([]);
  const checks = codes(/\b(?:outcome|Check::new)\(\s*"([a-z_]+)"/g);
  expect(checks).toEqual(expect.arrayContaining(["database", "notary", "room"]));
  expect(without("health", checks)).toEqual([]);
  expect(actions).toEqual(
    expect.arrayContaining(["session.login", "court.add", "trunk.test_call"]),
  );
  expect(without("action", actions)).toEqual([]);
});

test("what stands beside a row of the log has a word for each of its names, and each result has one", () => {
  const beside = [
    ...source.matchAll(
      /(?:\b|_)(?:note\w*\(|audit\(|did\(|of_the_house\(|(?:detail|about)\b\s*[=:])[^;]*?json!\(\{([^{}]*)\}/g,
    ),
  ].flatMap(([, facts]) =>
    [...(facts ?? "").matchAll(/"([a-z_0-9]+)":/g)].map((hit) => hit[1] ?? ""),
  );
  const keys = [...new Set(beside)].sort();
  expect(keys).toEqual(expect.arrayContaining(["at_ms", "contract_end", "doubt", "shown", "was"]));
  expect(keys.length).toBeGreaterThan(70);
  expect(without("audit_key", keys)).toEqual([]);
  expect(without("audit_result", ["ok", "denied", "failed", "received", "incomplete"])).toEqual([]);
});

/** Names that stand in a file which writes the log, and in no row of it: answers, papers and proofs. */
const NOT_OF_THE_LOG: Record<string, string> = {
  "desk/src/progress/mod.rs": "place text",
  "desk/src/seats/supervision.rs": "by_name",
  "desk/src/seats/transfer.rs": "to_name until_at",
  "link/src/push/mod.rs": "duplicate existing_id missing order_id status",
  "papers/src/reports/printer.rs":
    "at case_no event id outcome party_ref replaces report result rule sm3 task_id",
  "service/src/retention/certificate.rs":
    "account approved asked at court deleted_at due_at entered_at finished_at key_id leaf policy_version root_of set_aside signature signed sm3 suite",
  "api/src/routes/desk/mod.rs": "seq type",
};

test("whatever a file that writes the log puts into words of its own has a word, however it comes there", () => {
  const raw: string[] = [];
  // What is wanted of a line is said as on its page; the next test holds it.
  const lines = /telephony\/(?:trunks|changes)\/mod\.rs$/;
  for (const [path, text] of rooms.flatMap((each) => files(join(house, each)))) {
    if (!/audit::|note\w*\(|\bdid\(|of_the_house|fn (?:shown|words)/.test(text)) continue;
    if (lines.test(path)) continue;
    const known = Object.entries(NOT_OF_THE_LOG).find(([file]) => path.endsWith(file));
    const named = [
      ...text.matchAll(/"([a-z_0-9]+)"\s*:\s|\["([a-z_0-9]+)"\] = /g),
      // Said by what is looked up for a value, too: `json!({"key":value})` without a space.
      ...text.matchAll(/json!\(\{\s*"([a-z_0-9]+)":/g),
    ].map((hit) => hit[1] ?? hit[2] ?? "");
    const left = new Set(named.filter((key) => !known?.[1].split(" ").includes(key)));
    for (const key of without("audit_key", [...left])) raw.push(`${path}: ${key}`);
  }
  expect(raw).toEqual([]);
});

const forms = [source, ...rust(join(house, room("calls")))].join("\n");

/** The public fields of a structure. */
const fields = (name: string): string[] => {
  const body = new RegExp(`pub struct ${name} \\{([^}]*)\\}`).exec(forms)?.[1] ?? "";
  return [...body.matchAll(/^\s+pub (\w+):/gm)].map((hit) => hit[1] ?? "");
};

test("each field of a trunk, a number and a rule of causes has a word, as the log shows it", () => {
  const inner: Record<string, string> = {
    called: "Format",
    calling: "CallerFormat",
    headers: "HeaderForms",
    home: "Home",
  };
  const leaves = (name: string, above = ""): string[] =>
    fields(name).flatMap((field) => {
      const within = inner[field];
      return within ? leaves(within, `${above}${field}.`) : [`${above}${field}`];
    });
  const all = [...leaves("Profile"), ...fields("TrunkForm"), ...leaves("NumberForm")];
  expect(all).toEqual(expect.arrayContaining(["hosts", "called.home.area", "domain", "carrier"]));
  expect(
    without(
      "lines.field",
      all.filter((each) => each !== "profile"),
    ),
  ).toEqual([]);
  const rule = fields("CauseRule");
  expect(rule).toContain("rang_until_s");
  expect(without("lines.cause", rule)).toEqual([]);
});

/** Kinds that the server names in words of its own, and where the pages put them into a reader's. */
const KINDS: [file: string, one: string, ...groups: string[]][] = [
  ["agent-console/calls/src/facts.rs", "apology", "parting"],
  ["agent-console/calls/src/facts.rs", "three_way", "mark", "transfer.done_why", "handed"],
  ["agent-console/calls/src/facts.rs", "declined", "transfer.why"],
  ["agent-console/calls/src/facts.rs", "elsewhere", "audit_value"],
  ["agent-console/calls/src/machine/transfer.rs", "desk", "mark"],
  ["agent-console/calls/src/numbering/mod.rs", "number.abroad", "error", "help"],
  ["agent-console/calls/src/progress.rs", "early", "heard"],
  ["agent-console/desk/src/calls/transfers.rs", "seat", "transfer.kind", "audit_value"],
  ["agent-console/desk/src/escalations.rs", "threat", "polite"],
  ["agent-console/desk/src/outcomes/owed.rs", "time_is_up", "audit_value"],
  ["agent-console/desk/src/progress/mod.rs", "confirmed", "heard.state"],
  ["agent-console/desk/src/seats/call.rs", "party", "ended_by"],
  ["agent-console/desk/src/seats/seat.rs", "wrap_up", "agent", "transfer.state"],
  ["agent-console/desk/src/seats/transfer.rs", "joined", "transfer.phase"],
  ["agent-console/desk/src/settings.rs", "time_boxed", "settings.policy", "settings.why"],
  ["agent-console/desk/src/settings.rs", "spoken", "supervise.shown"],
  ["agent-console/desk/src/telephony/changes/mod.rs", "trunk", "lines.change", "object"],
  ["agent-console/desk/src/telephony/lines.rs", "dial.trunk_down", "error", "help"],
  ["agent-console/desk/src/telephony/numbers/mod.rs", "registered", "lines.label"],
  ["agent-console/desk/src/telephony/trunks/mod.rs", "paused", "lines.state"],
  ["agent-console/people/src/permissions.rs", "clerk", "role"],
  ["agent-console/people/src/permissions.rs", "desk.work", "permission"],
  ["agent-console/service/src/intake/opened.rs", "taiwan", "lines.abroad"],
  ["agent-console/service/src/retention/policy.rs", "caller", "retention.class"],
  ["agent-console/service/src/retention/standing.rs", "open_task", "retention.why"],
  ["api/src/routes/recordings.rs", "unlisted", "recording.gap"],
  ["api/src/routes/transcripts.rs", "party", "speaker"],
];

test.each(KINDS)(
  "each kind that %s names like %s has words where it is shown",
  (file, one, ...groups) => {
    const text = readFileSync(join(house, file), "utf8");
    const bodies = [...text.matchAll(/-> &'static str \{([\s\S]*?)\n {0,4}\}/g)].map((hit) =>
      [...(hit[1] ?? "").matchAll(/=>\s*"([^"]+)"/g)].map((each) => each[1] ?? ""),
    );
    const kinds = bodies.filter((each) => each.includes(one));
    expect(kinds).toHaveLength(1);
    for (const group of groups) expect(without(group, kinds[0] ?? []), group).toEqual([]);
  },
);

test("what the server says in codes is said here, in English as the server says it", () => {
  const text = [
    source,
    ...["recordings/src", room("calls")].map((each) => rust(join(house, each)).join("\n")),
  ].join("\n");
  const named = new Map<string, string>();
  // The sentence stands beside its code, or in a name just before.
  const said =
    /\b(?:Said::new|altered|wrong|no)\(\s*"([a-z_]+\.[a-z_]+)",\s*(?:"((?:[^"\\]|\\.)*)"|(\w+))/g;
  for (const found of text.matchAll(said)) {
    const [, code = "", sentence, name] = found;
    const before = text.slice(0, found.index).matchAll(/let (\w+) =\s*"((?:[^"\\]|\\.)*)"/g);
    const held = name && [...before].reverse().find((each) => each[1] === name)?.[2];
    named.set(code, (sentence ?? held ?? "").replaceAll('\\"', '"'));
  }
  expect(named.size).toBeGreaterThan(150);
  expect(without("told", [...named.keys()])).toEqual([]);
  const english = en as Record<string, string>;
  const plain = (words: string) => words.replaceAll(/\{\{?(\w+)\}?\}/g, "<$1>");
  for (const [code, sentence] of named) {
    expect(plain(english[`told.${code}`] ?? ""), code).toBe(plain(sentence));
  }
  // None that nobody says.
  const kept = Object.keys(zh).filter((key) => key.startsWith("told."));
  expect(kept.filter((key) => !named.has(key.slice(5)) && key !== "told.plain.text")).toEqual([]);
  const values = (words: string) =>
    [...words.matchAll(/\{\{(\w+)\}\}/g)].map((hit) => hit[1]).sort();
  const chinese = zh as Record<string, string>;
  for (const key of kept)
    expect(values(chinese[key] ?? ""), key).toEqual(values(english[key] ?? ""));
});

test("each next step and each result of a call has words, as the outcome table has them", () => {
  const table = readFileSync(join(house, "agent-console/service/rules/outcomes-v2.json"), "utf8");
  const rows = [
    ...table.matchAll(/"next_zh": "([^"]+)", "next_en": "([^"]+)"/g),
    ...table.matchAll(/"code": "C\d+", "zh": "([^"]+)", "en": "([^"]+)"/g),
  ];
  expect(rows.length).toBeGreaterThan(25);
  const english = en as Record<string, string>;
  for (const [, zhText, enText] of rows) {
    // Of a number it is said in its row, where the noun stands already.
    const short = zhText === "空号" ? "does not exist" : enText;
    expect(english[`said.${zhText}`], zhText).toBe(short);
  }
  // What the rules say beside the table, and who acted where nobody did.
  const beside = codes(
    /back_to_queue\([^"]*"(\p{Script=Han}[^"]+)"/gu,
    /const \w+: \(&str, &str\) =\s*\("(\p{Script=Han}[^"]+)"/gu,
    /const (?:OWED|EXHAUSTED|WITHHELD): &str = "([^"]+)"/g,
  );
  expect(beside).toContain("通话结果待补录，优先再拨");
  expect(beside).toContain("未显示号码");
  expect(without("said", [...beside, "系统"])).toEqual([]);
});

test("each alarm and each figure stands in the handbook of operations", () => {
  const unknown = (words: string[]) => words.filter((word) => !operations.includes(`\`${word}`));
  expect(unknown(alarms)).toEqual([]);
  const everything = [source, ...floors.flatMap((each) => rust(join(house, each)))].join("\n");
  const figures = [...everything.matchAll(/(?:counter|gauge|histogram)!\(\s*"([a-z_]+)"/g)];
  const names = new Set(figures.map((hit) => hit[1] ?? ""));
  expect(names.size).toBeGreaterThan(15);
  expect(unknown([...names])).toEqual([]);
});

test("every phase that a task can be in can be asked for, and has words", () => {
  const table = readFileSync(join(house, "agent-console/service/rules/outcomes-v2.json"), "utf8");
  const agreed = [...table.matchAll(/"phase": "([^"]+)"/g)]
    .map((hit) => hit[1] ?? "")
    // Heard in full: the report comes next, and the task waits for that.
    .filter((phase) => phase !== "电话告知");
  const named = codes(/pub const \w+: &str = "(\p{Script=Han}+)";/gu);
  const phases = [...agreed, ...named].filter((each) =>
    /^(待|已约|外呼中|查找中|挂起|送达完成)/.test(each),
  );
  const unknown = phases.filter((each) => !PHASES.some((phase) => phase === each));
  expect(unknown.filter((each) => !["待补正"].includes(each))).toEqual([]);
  expect(without("said", [...PHASES])).toEqual([]);
});
