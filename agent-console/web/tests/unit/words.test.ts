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

function rust(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return rust(path);
    return path.endsWith(".rs") ? [readFileSync(path, "utf8")] : [];
  });
}

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
