// What is damaged or not there, as whoever meets it reads it: never an answer of the server as it
// is, never a player without words, and marked on the page that found it.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { act } from "react";
import { afterEach, expect, test, vi } from "vitest";
import { Reports } from "../../console/src/court/Papers.tsx";
import Task from "../../console/src/court/Task.tsx";
import type { Language } from "../../console/src/i18n/index.ts";
import type { Doubt, Me, Report } from "../../console/src/lib/types.ts";
import Inbound from "../../console/src/supervisor/Inbound.tsx";
import { doubts } from "../shots/evidence.ts";
import * as fixture from "../shots/fixture.ts";
import {
  answer,
  asked,
  find,
  inBoth,
  pages,
  press,
  settle,
  show,
  speak,
  text,
  until,
} from "./mounted.tsx";

pages();
afterEach(() => vi.restoreAllMocks());

const who = (role: string) => fixture.me(role) as Me;
const marked = (more: object) => ({ ...doubts.items[0], cleared_at: null, ...more }) as Doubt;
const first = { kind: "report", name: "v1", call_id: null };

test("a report under examination is no link into an error, and the others stay what they are", async () => {
  const reports = fixture.task.reports.map((each) => ({ ...each, removal: null })) as Report[];
  const told = await inBoth(() => (
    <Reports me={who("judge")} reports={reports} doubts={[marked(first)]} />
  ));
  expect(told["zh-CN"]).toContain("待核查，暂不能查看");
  expect(told.en).toContain("it cannot be viewed");
  const rows = [...document.querySelectorAll("[data-testid=report]")];
  expect(rows.map((row) => row.querySelectorAll("button").length)).toEqual([2, 0]);
});

/** The page of a task, whose server marks the recording as soon as it was looked at. */
async function task(verdict: object, more: object[] = []) {
  answer({
    "/api/v1/tasks/task-1": () => ({
      ...fixture.task,
      doubts: asked.some(({ path }) => path === "/api/v1/calls/call-1/recording")
        ? [...more, marked({ kind: "recording", call_id: "call-1", task_id: "task-1" })]
        : more,
    }),
    "/api/v1/calls/call-1/recording": verdict,
    "/api/v1/calls/call-1/transcript": fixture.transcript,
  });
  await show(<Task me={who("judge")} taskId="task-1" />);
  // Three answers come one after another; it is quiet once ten turns brought nothing new.
  for (let quiet = 0, seen = ""; quiet < 10; quiet += 1) {
    await settle();
    if (seen !== document.body.innerHTML) quiet = 0;
    seen = document.body.innerHTML;
  }
  return asked.filter(({ path }) => path.startsWith("/api/v1/tasks/task-1")).length;
}

test("the page that finds a damaged recording shows the mark at once, and asks for it once", async () => {
  const altered = { ...fixture.verdict("call-1"), verdict: "altered", said: null };
  await task(altered);
  await until(() => find("banner-doubts") !== null);
  expect(asked.filter(({ path }) => path.startsWith("/api/v1/tasks/task-1"))).toHaveLength(2);
  expect(find("banner-doubts")?.textContent).toContain("待核查");
  expect(find("doubt-tag")).not.toBeNull();
});

test("a recording that is well asks for nothing again", async () => {
  expect(await task(fixture.verdict("call-1"))).toBe(1);
  expect(find("banner-doubts")).toBeNull();
});

test("a mark on a report of another task of the case closes none of this one's", async () => {
  await task(fixture.verdict("call-1"), [marked({ ...first, task_id: "task-of-another" })]);
  expect(find("report-doubtful")).toBeNull();
});

test("a recording that cannot be read at this moment is not called missing", async () => {
  expect(await task({ status: 503, code: "recording.unreadable", detail: "" })).toBe(1);
  expect(find("error-recording.unreadable")).not.toBeNull();
  expect(find("banner-recording")).toBeNull();
});

/** What stands above a message that came in. */
async function message(more: object, language: Language = "zh-CN") {
  const row = { ...fixture.inbound.items[0], transcript: null, ...more };
  answer({ "/api/v1/inbound": { items: [row], next_cursor: null } });
  await speak(language);
  await show(<Inbound key={`${language} ${JSON.stringify(more)}`} me={who("judge")} />);
  await settle();
  await press(find("settle"));
  await settle();
  return text();
}

const broke = async () => {
  await act(async () => void find("inbound-audio")?.dispatchEvent(new Event("error")));
  await settle();
};

test.each([
  ["altered", 409, "录音文件被改动", "The recording was altered"],
  ["missing", 404, "录音文件缺失", "The recording is missing"],
] as const)(
  "a message that is %s says so instead of a player that does nothing",
  async (...row) => {
    const [verdict, status, zh, en] = row;
    answer({
      "/api/v1/inbound/in-3/audio": { status, code: `recording.${verdict}`, detail: "a server's" },
    });
    expect(await message({}, "en")).not.toContain(en);
    await broke();
    expect(text()).toContain(en);
    expect(text()).not.toContain("a server's");
    expect(find("inbound-audio")).toBeNull();
    // What is known already needs no player to fail first.
    expect(await message({ recording: verdict })).toContain(zh);
    expect(find("inbound-audio")).toBeNull();
  },
);

test("a message that another cause keeps from being heard says which", async () => {
  answer({ "/api/v1/inbound/in-3/audio": { status: 503, code: "recording.unreadable" } });
  await message({});
  await broke();
  expect(find("error-recording.unreadable")).not.toBeNull();
  expect(find("banner-recording")).toBeNull();
});

test("a message that is there and that the browser cannot play is not called damaged", async () => {
  await message({});
  await broke();
  expect(find("error-player.failed")).not.toBeNull();
  expect(find("banner-recording")).toBeNull();
});

test("a recovered message says that its end may be missing", async () => {
  expect(await message({ recording: "recovered" }, "en")).toContain(
    "the last two seconds may be missing",
  );
  expect(await message({ recording: "recovered" })).toContain("结尾可能缺最后两秒");
  expect(find("inbound-audio")).not.toBeNull();
});

test.each([
  [{ recording: "live" }, "通话还在进行"],
  [{ recording: "incomplete" }, "录音不完整"],
  [{ recording: null }, "录音尚未归档"],
  [{ recording: null, lasted_ms: 0 }, "这通电话没有录音"],
])("a message that cannot be heard in full says why: %j", async (more, zh) => {
  expect(await message(more)).toContain(zh);
});

/** What the browser is asked to do with a file that came. */
function windows(opened: object | null) {
  const opens: string[] = [];
  const saved: string[] = [];
  vi.stubGlobal("open", (url: string) => {
    opens.push(url);
    return opened;
  });
  vi.spyOn(HTMLAnchorElement.prototype, "click").mockImplementation(function (
    this: HTMLAnchorElement,
  ) {
    saved.push(`${this.download} ${this.href.split(":")[0]}`);
  });
  return { opens, saved };
}

const reportsOf = (role: string) =>
  show(
    <Reports me={who(role)} reports={[{ ...fixture.task.reports[0], removal: null } as Report]} />,
  );
const times = (end: string) => asked.filter(({ path }) => path.includes(end)).length;

test.each([
  ["zh-CN", "文件与入册时不同，不予提供"],
  ["en", "not what was entered"],
] as const)(
  "X2 a damaged report that nobody looked at yet is a problem of the page, in %s",
  async (language, words) => {
    const { opens, saved } = windows({});
    const path = `/api/v1/reports/${fixture.task.reports[0]?.id}/pdf`;
    answer({ [path]: { status: 409, code: "file.altered", detail: "a server's own words" } });
    await speak(language);
    await reportsOf("judge");
    for (const [n, button] of ["report-view", "report-pdf"].entries()) {
      await press(find(button));
      await settle();
      expect(find("error-file.altered")?.textContent, button).toContain(words);
      expect(times("/pdf"), "asked for once, for each time is written down").toBe(n + 1);
    }
    expect([...opens, ...saved]).toEqual([]);
    expect(text()).not.toContain("a server's own words");
    // No address of the server that the browser would open by itself.
    expect(document.querySelector("a[href*='/api/']")).toBeNull();
  },
);

test("a report that is well is asked for once, opened in its window or kept under its name", async () => {
  const { opens, saved } = windows({});
  await reportsOf("judge");
  await press(find("report-view"));
  await settle();
  expect(opens.map((url) => url.split(":")[0])).toEqual(["blob"]);
  await press(find("report-pdf"));
  await settle();
  const { id, version } = fixture.task.reports[0] as Report;
  expect(saved).toEqual([`report-${id}-v${version}.pdf blob`]);
  expect(asked.map(({ path }) => path)).toEqual([
    `/api/v1/reports/${id}/pdf?download=0`,
    `/api/v1/reports/${id}/pdf?download=1`,
  ]);
  expect(find("file-ready")).toBeNull();
});

test("a window that the browser does not open leaves the file on the page", async () => {
  windows(null);
  await reportsOf("judge");
  await press(find("report-view"));
  await settle();
  expect(find("file-ready")?.querySelector("a")?.href).toMatch(/^blob:/);
});

test("no page gives the browser an address of the server to open by itself", () => {
  const files = sources(join(process.cwd(), "console/src"));
  expect(files.length).toBeGreaterThan(70);
  const bare = files.filter(([, words]) => /href=\{[^}]*fileUrl\(|href=["{`]+\/api/.test(words));
  expect(bare.map(([name]) => name)).toEqual([]);
});

function sources(folder: string): [string, string][] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return sources(path);
    return path.endsWith(".tsx") ? [[entry.name, readFileSync(path, "utf8")]] : [];
  });
}
