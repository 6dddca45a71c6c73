// What a judge sees of a call and its papers, drawn to markup from canned answers: who may
// do what, what is marked, and what stands there when the file is not as it was.
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { renderToStaticMarkup } from "react-dom/server";
import { beforeAll, expect, test } from "vitest";
import { Roots } from "../../console/src/admin/evidence/Roots.tsx";
import { Calls } from "../../console/src/court/Calls.tsx";
import { Reports } from "../../console/src/court/Papers.tsx";
import { Recording } from "../../console/src/court/Recording.tsx";
import { startLanguages } from "../../console/src/i18n/index.ts";
import type {
  CallRow,
  Me,
  RecordingVerdict,
  Report,
  TaskDetail,
} from "../../console/src/lib/types.ts";
import { roots } from "../shots/evidence.ts";
import * as fixture from "../shots/fixture.ts";

beforeAll(startLanguages);

const who = (role: string) => fixture.me(role) as Me;
const judge = who("judge");
const supervisor = who("supervisor");
const reports = fixture.task.reports as Report[];
const call = (id: string) => fixture.task.calls.find((each) => each.id === id) as CallRow;

function draw(content: ReactNode, facts: [string[], unknown][] = []): string {
  const queries = new QueryClient({ defaultOptions: { queries: { staleTime: 60_000 } } });
  for (const [key, value] of facts) queries.setQueryData(key, value);
  return renderToStaticMarkup(
    <QueryClientProvider client={queries}>{content}</QueryClientProvider>,
  );
}

function recording(me: Me, id: string, more: Partial<RecordingVerdict> = {}): string {
  return draw(<Recording me={me} call={call(id)} />, [
    [["recording", id], { ...fixture.verdict(id), ...more }],
    [["transcript", id], fixture.transcript],
  ]);
}

test("R2.4e an older version stays, newest first, and is marked 已被替代", () => {
  const html = draw(<Reports me={judge} reports={reports} />);
  expect(html.indexOf("第 2 版")).toBeLessThan(html.indexOf("第 1 版"));
  expect(html.match(/已被替代/g)).toHaveLength(1);
  expect(html.indexOf("已被替代")).toBeGreaterThan(html.indexOf("第 1 版"));
});

test("X2 each gap of a recording is listed: whose, why, where and how long", () => {
  const html = recording(judge, "call-1");
  const list = html.slice(html.indexOf('data-testid="gaps"'));
  const words = list
    .slice(0, list.indexOf("</dl>"))
    .split("<button")
    .slice(1)
    .map((each) =>
      each
        .replace(/^[^>]*>/, "")
        .replace(/<[^>]+>/g, " ")
        .replace(/\s+/g, " ")
        .trim(),
    );
  expect(words).toEqual([
    "对方 未发送（静音抑制） 00:20 · 11.0 s",
    "坐席 传输中丢失 01:00 · 6.0 s",
    "对方 略去迟到的声音，前后相接 01:30",
    "对方 原因不明 02:12 · 6.0 s",
    "坐席 未逐一列出 02:52 · 8.0 s",
  ]);
});

test("X2 of many gaps the first stand there, and the rest is one press away", () => {
  const gaps = Array.from({ length: 30 }, (_, n) => ({
    channel: "right" as const,
    from_ms: n * 1000,
    to_ms: n * 1000 + 400,
    kind: "unsent" as const,
  }));
  const html = recording(judge, "call-1", { gaps });
  expect(html).toContain("还有 18 处");
  expect(html.match(/gap-unsent/g)).toHaveLength(12);
});

test("a report has no buttons for who may not read it", () => {
  expect(draw(<Reports me={judge} reports={reports} />)).toContain("report-pdf");
  expect(draw(<Reports me={who("admin")} reports={reports} />)).not.toContain("report-pdf");
});

test("R4.1b speeds, channels apart and a line of the transcript to jump by", () => {
  const html = recording(judge, "call-1");
  for (const words of ["1.5×", "双声道", "坐席", "对方", "从这里播放"])
    expect(html).toContain(words);
  expect(html).toContain('src="/api/v1/calls/call-1/recording/audio"');
});

test("R4.1c only who may keep a recording has its button, and only who may hear it a player", () => {
  expect(recording(judge, "call-1")).toContain("recording-download");
  const heard = recording(supervisor, "call-1");
  expect(heard).toContain('data-testid="play"');
  expect(heard).not.toContain("recording-download");
  const deaf = recording(who("admin"), "call-1");
  expect(deaf).not.toContain('data-testid="play"');
  expect(deaf).not.toContain("<audio");
});

test("R4.2b a weak passage is marked, a corrected line keeps what the machine wrote and who", () => {
  const html = recording(judge, "call-1");
  expect(html).toMatch(/<mark[^>]*>我知道这个事，材料怎么给我？<\/mark>/);
  expect(html).toContain("<del>秦川机械厂启诉您买卖合同纠分一案");
  expect(html).toContain("白雪 于");
});

test("R4.2e a missing or altered file is a banner with its hashes, and never a spinner", () => {
  for (const [verdict, words] of [
    ["missing", "录音文件缺失"],
    ["altered", "录音文件被改动"],
  ] as const) {
    const html = recording(judge, "call-1", { verdict });
    expect(html).toContain("banner-recording");
    expect(html).toContain(words);
    expect(html).toContain("SHA-256");
    expect(html).not.toContain("<audio");
    expect(html).not.toContain("ant-spin");
    expect(html, "the words are still there").toContain("听清楚了。");
  }
});

test("R4.2a a recording that lost a part says so above its sound", () => {
  const html = recording(judge, "call-1", { state: "incomplete" });
  expect(html).toContain("录音不完整");
  expect(html).toContain("<audio");
  expect(recording(judge, "call-1")).not.toContain("录音不完整");
});

test("steps of the script and what happened to the line stand beside the sound, with their places", () => {
  const html = recording(judge, "call-1");
  for (const words of ["表明身份", "00:07", "坐席离线", "01:02–01:09", "对方按键 2", "02:01"])
    expect(html).toContain(words);
  for (const words of ["三方通话", "02:04–02:41", "主管插话 陈静"]) expect(html).toContain(words);
  expect(html.match(/class="mark /g)).toHaveLength(5);
  // What was never sent is no loss, and looks like none.
  for (const kind of ["left lost", "right unsent", "right unknown", "left unlisted"])
    expect(html).toContain(`class="gap ${kind}"`);
  expect(html).toContain("录音中有 3 处缺口");
});

test("E49 what the judge must look at, why the call ended and what was given stand with the calls", () => {
  const { calls, attempts } = fixture.task as unknown as TaskDetail;
  const html = draw(
    <Calls calls={calls} attempts={attempts} table={null} current={null} onChoose={() => {}} />,
  );
  for (const words of ["礼貌结束：威胁", "待补录", "w***@example.cn", "3/94 次不佳"])
    expect(html).toContain(words);
});

test("X2 the page says which days are notarised, by which number, and why others are not", () => {
  const pages = { pages: [roots], pageParams: [""] };
  const html = draw(<Roots />, [[["list", "/evidence/roots"], pages]]);
  expect(html.match(/>已存证</g)).toHaveLength(8);
  expect(html.match(/有回执，未校验/g)).toHaveLength(1);
  for (const words of [
    "待存证",
    "无法建立连接",
    "回执未采信",
    "回执所载日根与送存的不同",
    "回执不符",
  ])
    expect(html).toContain(words);
  expect(html).toContain(`区块 ${roots.items[2]?.notary.block}`);
  expect(html).toContain(String(roots.items[2]?.notary.number));
});
