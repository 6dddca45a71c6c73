// Both languages hold the same keys with the same values put in, and every key that the
// source names exists.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import en from "../../console/src/i18n/en.json";
import zh from "../../console/src/i18n/zh-CN.json";

const texts = { en: en as Record<string, string>, zh: zh as Record<string, string> };
const names = (text: string) => [...text.matchAll(/\{\{(\w+)\}\}/g)].map((m) => m[1]).sort();

test("both languages have the same keys, none empty, with the same values", () => {
  expect(Object.keys(texts.en).sort()).toEqual(Object.keys(texts.zh).sort());
  for (const [key, text] of Object.entries(texts.zh)) {
    expect(text.trim(), key).not.toBe("");
    expect(texts.en[key]?.trim(), key).not.toBe("");
    expect(names(texts.en[key] ?? ""), key).toEqual(names(text));
  }
});

test("no Chinese stands in an English text, nor an English sentence in a Chinese one", () => {
  const own = "shell.other_language";
  const wrong = Object.keys(texts.en).filter((key) => {
    const [english, chinese] = [texts.en[key] ?? "", texts.zh[key] ?? ""];
    // Names, units and commands are one or two words; three in a row are a sentence.
    const bare = chinese.replace(/\{\{\w+\}\}/g, "").replace(/songda [\w -]+/g, "");
    return /\p{Script=Han}/u.test(english) || /[a-z]+ [a-z]+ [a-z]+/.test(bare);
  });
  expect(wrong.filter((key) => key !== own)).toEqual([]);
});

function sources(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? sources(path) : /\.tsx?$/.test(path) ? [path] : [];
  });
}

test("every key that the source names by itself exists, and no Chinese stands in the source", () => {
  const missing: string[] = [];
  const written: string[] = [];
  for (const path of sources(join(process.cwd(), "console/src"))) {
    const text = readFileSync(path, "utf8");
    for (const [, key] of text.matchAll(/\bt\(\s*"([^"]+)"/g)) {
      if (key && !(key in texts.zh)) missing.push(`${path}: ${key}`);
    }
    const bare = text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/\/\/.*$/gm, "");
    for (const [found] of bare.matchAll(/>[^<>{}]*\p{Script=Han}[^<>{}]*</gu)) {
      written.push(`${path}: ${found}`);
    }
  }
  expect(missing).toEqual([]);
  expect(written).toEqual([]);
});

test("every key that the source puts together has words for some of what it may become", () => {
  const all = Object.keys(texts.zh);
  const built = sources(join(process.cwd(), "console/src")).flatMap((path) =>
    [...readFileSync(path, "utf8").matchAll(/\bt\(\s*`([^`]+)`/g)].map((hit) => hit[1] ?? ""),
  );
  expect(built.length).toBeGreaterThan(60);
  const empty = built.filter((key) => {
    const shape = key.replaceAll(/\$\{[^}]*\}/g, "\0").replaceAll(/[.]/g, "\\.");
    const pattern = new RegExp(`^${shape.replaceAll("\0", ".*")}$`);
    return !all.some((each) => pattern.test(each));
  });
  expect(empty).toEqual([]);
});
