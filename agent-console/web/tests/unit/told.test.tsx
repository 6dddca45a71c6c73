// What an agent is told when a machine answered or the browser's sound did not come up, and what the
// court reads of how a call was heard: in both languages.
import { renderToStaticMarkup } from "react-dom/server";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Calls } from "../../console/src/court/Calls.tsx";
import { Order } from "../../console/src/court/Case.tsx";
import { LineSays } from "../../console/src/desk/LineSays.tsx";
import { Notices } from "../../console/src/desk/Notices.tsx";
import type { Desk } from "../../console/src/desk/useDesk.ts";
import { type Language, setLanguage, startLanguages } from "../../console/src/i18n/index.ts";
import type { CallRow, CallState, OrderRow } from "../../console/src/lib/types.ts";
import * as fixture from "../shots/fixture.ts";

beforeAll(startLanguages);
afterAll(() => setLanguage("zh-CN"));

function inBoth(draw: () => string): Record<Language, string> {
  setLanguage("en");
  const en = draw();
  setLanguage("zh-CN");
  return { en, "zh-CN": draw() };
}

function lineSays(of: string, code: string | null, state: "suggested" | "rejected" = "suggested") {
  const heard = {
    class: of,
    confidence: 90,
    place: "answered",
    from_ms: 1_000,
    to_ms: 4_000,
    text: null,
    test_model: false,
    state,
    conflict: false,
    code: code && { code, zh: "机器接听", en: "answered by a machine" },
  };
  const call = { call_id: "c1", outcome_saved: false, heard } as unknown as CallState;
  return renderToStaticMarkup(<LineSays call={call} onJudge={() => undefined} />);
}

test("E44 whoever reached a mailbox, an assistant or another machine is told to leave no facts of the case", () => {
  const [zh, en] = ["不要留下案情", "leave no facts of the case"];
  for (const of of ["voicemail", "assistant", "machine", "fax"]) {
    const told = inBoth(() => lineSays(of, "C10"));
    expect(told["zh-CN"]).toContain(zh);
    expect(told.en).toContain(en);
  }
  expect(lineSays("person", null)).not.toContain(zh);
  expect(lineSays("machine", "C10", "rejected")).not.toContain(zh);
});

test("R4.1a a browser whose sound does not come up is named, with what to do", () => {
  const told = inBoth(() => {
    const error = { code: "dial.browser_media", detail: "the browser's sound did not come up" };
    const state = { clock: { trusted: true }, error, call: null };
    const desk = { state, line: "open", refusal: null, owner: "mine" } as unknown as Desk;
    return renderToStaticMarkup(<Notices desk={desk} />);
  });
  expect(told["zh-CN"]).toContain("浏览器的声音通道没有建立");
  expect(told["zh-CN"]).toContain("刷新页面后再拨");
  expect(told.en).toContain("The sound path of the browser could not be set up");
  expect(told.en).toContain("Load the page anew and dial again");
});

test("R4.1b R4.4b the score of each leg stands beside the call, and of legs that were not there nothing", () => {
  const leg = { mos: 4.32, received: 900, lost: 0, late: 0, jitter_ms: 2, rtt_ms: 30, far: null };
  const quality = {
    agent: leg,
    agents_before: [],
    party: { ...leg, mos: 2.96 },
    target: null,
    supervisor: null,
    until_at: null,
  };
  const call = fixture.task.calls.find((each) => each.id === "call-1") as CallRow;
  const draw = (row: CallRow) =>
    renderToStaticMarkup(
      <Calls calls={[row]} attempts={[]} table={null} current={null} onChoose={() => undefined} />,
    );
  const told = inBoth(() => draw({ ...call, quality }));
  expect(told["zh-CN"]).toContain("话音评分（MOS）对方 3.0 / 坐席 4.3");
  expect(told.en).toContain("score (MOS) party 3.0 / agent 4.3");
  const guests = { ...quality, target: leg, supervisor: { ...leg, mos: null } };
  expect(draw({ ...call, quality: guests })).toContain("对方 3.0 / 坐席 4.3 / 转接方 4.3 ");
  expect(draw({ ...call, quality: null })).not.toContain("MOS");
});

test("E52 a call whose recording was not closed says so, and no other does", () => {
  const call = fixture.task.calls.find((each) => each.id === "call-1") as CallRow;
  const draw = (row: CallRow) =>
    inBoth(() =>
      renderToStaticMarkup(
        <Calls
          calls={[row]}
          attempts={[]}
          table={null}
          current={null}
          onChoose={() => undefined}
        />,
      ),
    );
  const told = draw({ ...call, recording: null, unsealed: true });
  expect(told["zh-CN"]).toContain("录音缺失（未封存）");
  expect(told.en).toContain("Recording missing (not sealed)");
  expect(draw(call)["zh-CN"]).not.toContain("未封存");
});

test("R1.1a what is missing in an order is said by its place, without the path of the message in words", () => {
  const order = fixture.caseDetail.orders.find((each) => each.gaps.length > 0);
  expect(order).toBeDefined();
  const told = inBoth(() => renderToStaticMarkup(<Order order={order as unknown as OrderRow} />));
  expect(told["zh-CN"]).toContain(">第 1 名受送达人的第 1 个电话没有号码<");
  expect(told.en).toContain(">telephone 1 of recipient 1 has no number<");
  for (const page of Object.values(told)) expect(page).not.toContain(">parties[0]");
});
