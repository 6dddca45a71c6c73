// How evidence goes, on its pages: nobody destroys a file by one click, what is gone says when, why and
// by which certificate, and a page that stays open is one look.
import { QueryClient } from "@tanstack/react-query";
import { act, type ReactNode } from "react";
import { renderToStaticMarkup } from "react-dom/server";
import { expect, test, vi } from "vitest";
import { type Approval, Approve } from "../../console/src/admin/evidence/Approve.tsx";
import { DryRun } from "../../console/src/admin/evidence/DryRun.tsx";
import { Kept } from "../../console/src/admin/evidence/Kept.tsx";
import { Reports } from "../../console/src/court/Papers.tsx";
import { missed, Quality } from "../../console/src/court/Quality.tsx";
import { Recording } from "../../console/src/court/Recording.tsx";
import { TaskTable } from "../../console/src/court/TaskTable.tsx";
import { setLanguage } from "../../console/src/i18n/index.ts";
import type {
  CallRow,
  Me,
  Report,
  RetentionRequest,
  TaskRow,
} from "../../console/src/lib/types.ts";
import * as evidence from "../shots/evidence.ts";
import * as fixture from "../shots/fixture.ts";
import { answer, asked, find, pages, press, settle, show, text, type, within } from "./mounted.tsx";

const who = (role: string) => fixture.me(role) as Me;
const drawn = (content: ReactNode) => renderToStaticMarkup(within(new QueryClient(), content));

pages();

const button = () =>
  document.querySelector<HTMLButtonElement>(".ant-modal-footer .ant-btn-dangerous");

test("x6_a_deletion_is_approved_with_its_list_open_the_number_typed_and_a_reason", async () => {
  const row = evidence.retention.requests[0] as unknown as RetentionRequest;
  answer({ [`/api/v1/retention/requests/${row.id}`]: evidence.requestDetail });
  const said: Approval[] = [];
  await show(
    <Approve
      row={row}
      pending={false}
      error={null}
      onDone={(approval) => said.push(approval)}
      onClose={() => {}}
    />,
  );
  await settle();
  for (const words of ["无法恢复", "7 份文件", "7 个案件", "保存期限届满"])
    expect(text()).toContain(words);
  expect(find("approve-list")?.textContent).toContain(evidence.plan.items[0]?.file);
  expect(button()?.disabled, "nothing was typed").toBe(true);
  await type("reason", "已核对清单");
  expect(button()?.disabled, "no number").toBe(true);
  await type("approve-count", "6");
  expect(button()?.disabled, "another number").toBe(true);
  await type("approve-count", "7");
  expect(button()?.disabled).toBe(false);
  await type("reason", " ");
  expect(button()?.disabled, "no reason").toBe(true);
  await type("reason", "已核对清单");
  await press(button());
  expect(said).toEqual([{ approve: true, reason: "已核对清单", files: 7 }]);
});

test("x6_who_asks_for_the_end_of_the_contract_reads_how_much_goes_and_says_why", async () => {
  answer({ "/api/v1/retention/contract-end": evidence.endPlan });
  await show(<DryRun of="contract" mayAsk />);
  await press(find("dry-run-contract"));
  await settle();
  const list = text();
  expect(list).toContain("合同终止 · 未回传法院");
  expect(list).not.toContain("1970");
  await press(find("ask-contract"));
  expect(
    asked.every((each) => each.method === "GET"),
    "one click asks for nothing",
  ).toBe(true);
  for (const words of ["7 份文件", "7 个案件", "无法恢复", "销毁依据：合同终止"])
    expect(text()).toContain(words);
  expect(button()?.disabled).toBe(true);
  await type("reason", "服务合同终止");
  await press(button());
  await settle();
  expect(asked.find((each) => each.method === "POST")?.body).toEqual({ reason: "服务合同终止" });
});

test("the first look opens the retention page, and each later one says that it is one", async () => {
  answer({ "/api/v1/retention": evidence.retention });
  vi.useFakeTimers();
  await show(<Kept me={who("supervisor")} />);
  await act(async () => void (await vi.advanceTimersByTimeAsync(25_000)));
  vi.useRealTimers();
  const looks = asked.map((each) => each.path).filter((path) => /retention(\?|$)/.test(path));
  expect(looks.length, "a removal runs").toBeGreaterThan(2);
  expect(looks.filter((path) => !path.endsWith("?again=1"))).toHaveLength(1);
});

test("a page on which nothing runs does not ask again by itself", async () => {
  const requests = evidence.retention.requests.filter((each) => each.state !== "approved");
  answer({ "/api/v1/retention": { ...evidence.retention, requests } });
  vi.useFakeTimers();
  await show(<Kept me={who("supervisor")} />);
  await act(async () => void (await vi.advanceTimersByTimeAsync(60_000)));
  vi.useRealTimers();
  expect(asked).toHaveLength(1);
});

test("a report that is gone offers no file, and says when it went, why, and by which certificate", () => {
  const reports = fixture.task.reports as Report[];
  const html = drawn(<Reports me={who("judge")} reports={reports} />);
  const rows = html.split('data-testid="report"').slice(1);
  expect(rows.map((row) => row.includes("report-pdf"))).toEqual([true, false]);
  expect(html).toContain("合同终止");
  expect(html).toContain("01KC2M7Q6V3T9XW8B5R4N1A0CE");
});

test("a recording says on what ground it went, and not that its time was over when it was not", () => {
  const call = fixture.task.calls.find((each) => each.id === "call-1") as unknown as CallRow;
  const gone = (ground: "period" | "contract_end") =>
    drawn(
      <Recording
        me={who("judge")}
        call={
          {
            ...call,
            recording: {
              ...call.recording,
              state: "deleted",
              removal: { deleted_at: "2026-11-28T02:00:00Z", ground, certificate: "C1" },
            },
          } as CallRow
        }
      />,
    );
  expect(gone("contract_end")).toContain("合同终止");
  expect(gone("contract_end")).not.toContain("保存期限");
  expect(gone("period")).toContain("保存期限届满");
  expect(gone("period")).not.toContain("<audio");
});

test("a task that no rule has decided shows its next step, in the reader's language", () => {
  const first = fixture.tasks.items[0];
  const row = { ...first, result: "未定", next_step: "电子送达" } as unknown as TaskRow;
  expect(drawn(<TaskTable tasks={[row]} />)).toContain("电子送达");
  expect(drawn(<TaskTable tasks={[row]} />)).not.toContain("未定");
  setLanguage("en");
  expect(drawn(<TaskTable tasks={[row]} />)).toContain("Electronic service");
});

test("r4_4b_the_score_and_the_loss_of_each_leg_stand_beside_the_recording", () => {
  const leg = { received: 90, lost: 8, late: 2, jitter_ms: 1, rtt_ms: null, far: null };
  expect(missed({ received: 0, lost: 0, late: 0 })).toBe(0);
  const quality = {
    agent: { ...leg, mos: 3.91 },
    agents_before: [],
    party: { ...leg, mos: null },
    target: null,
    supervisor: null,
    until_at: null,
  } as CallRow["quality"];
  const html = drawn(<Quality quality={quality} />);
  expect(html).toContain("坐席 MOS 3.9，丢包 10.2%");
  expect(html).not.toContain("对方");
  expect(drawn(<Quality quality={null} />)).toBe("");
});

test("r4_1a_who_handed_a_call_over_has_a_score_of_his_own_and_a_killed_call_says_until_when", () => {
  const leg = { received: 90, lost: 10, late: 0, jitter_ms: 1, rtt_ms: null, far: null };
  const quality = {
    agent: { ...leg, mos: 4.3, lost: 0 },
    agents_before: [{ ...leg, mos: 2.2 }],
    party: null,
    target: null,
    supervisor: null,
    until_at: "2026-11-28T10:03:15+08:00",
  } as CallRow["quality"];
  const html = drawn(<Quality quality={quality} />);
  expect(html).toContain("移交前第 1 位专员 MOS 2.2，丢包 10.0% · 坐席 MOS 4.3，丢包 0.0%");
  expect(html).toContain("测量截至 2026-11-28 10:03:15");
});
