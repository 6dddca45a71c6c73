// The supervisor's floor: whose call he is in, when the court takes calls.
import { expect, test, vi } from "vitest";
import type { Overview } from "../../console/src/lib/types.ts";
import { InboundSettings, timeOf } from "../../console/src/supervisor/InboundSettings.tsx";
import { runsFrom } from "../../console/src/supervisor/Overview.tsx";
import { SuperviseBar } from "../../console/src/supervisor/SuperviseBar.tsx";
import type { Place } from "../../console/src/supervisor/supervise.ts";
import * as fixture from "../shots/fixture.ts";
import { answer, asked, find, inBoth, pages, press, settle, show, text, type } from "./mounted.tsx";

pages();

const agents = fixture.overview.agents as unknown as Overview["agents"];
const place: Place = {
  call_id: "call-live-0",
  agent: "刘敏",
  what: "listen",
  on: "listen",
  since: Date.now(),
};

/** The call of the first agent on the floor, now at the third one's seat. */
const handedOver = agents.map((agent, n) => ({
  ...agent,
  call: n === 2 ? (agents[0]?.call ?? null) : null,
}));

test("the bar of a supervisor names whose call it is now, after a hand-over too", async () => {
  const go = vi.fn();
  const bar = (now: Overview["agents"]) => (
    <SuperviseBar supervise={{ place, go, leave: () => undefined }} agents={now} />
  );
  await show(bar(agents));
  expect(text()).toContain("正在监听 刘敏 的通话");
  const told = await inBoth(() => bar(handedOver));
  const name = agents[2]?.name ?? "";
  expect(told["zh-CN"]).toContain(`正在监听 ${name} 的通话`);
  expect(told.en).toContain(`Listening to ${name}'s call`);
  for (const page of Object.values(told)) expect(page).not.toContain("刘敏");
  await press(find("supervise-barge"));
  expect(go).toHaveBeenCalledWith("call-live-0", name, "barge");
  // Between two seats nobody has it: the name of before is better than none.
  await show(bar([]));
  expect(text()).toContain("正在监听 刘敏 的通话");
});

test("e52_a_call_has_one_clock_the_supervisor_sees_it_run_from_where_the_agents_page_counts", () => {
  const since_at = "2026-11-28T10:00:00+08:00";
  const call = { call_id: "c", since_at: "2026-11-28T10:00:05+08:00", answered: true };
  const live = { ...call, supervision: null, supervisor: null };
  expect(runsFrom({ since_at, call: live })).toBe(Date.parse(call.since_at));
  expect(runsFrom({ since_at, call: null })).toBe(Date.parse(since_at));
});

test("who listens is told that he hears everybody, for there may be three", async () => {
  const told = await inBoth(() => (
    <SuperviseBar
      supervise={{ place, go: () => undefined, leave: () => undefined }}
      agents={agents}
    />
  ));
  expect(told["zh-CN"]).toContain("听得到通话中的每个人");
  expect(told.en).toContain("You hear everybody in the call");
  for (const page of Object.values(told)) expect(page).not.toMatch(/双方|both/);
});

const field = (id: string) => find(id) as HTMLInputElement;
const sent = () => asked.find(({ method }) => method === "PUT")?.body;

test("a court that takes calls to 24:00 sees that it does, and keeps it", async () => {
  const error = vi.spyOn(console, "error");
  const kept = { ...fixture.hours, opens: "00:00", closes: "24:00" };
  answer({ "/api/v1/settings/inbound": kept });
  await show(<InboundSettings />);
  await settle();
  expect([field("opens").value, field("closes").value]).toEqual(["00:00", "24:00"]);
  // A browser shows nothing for that in its own field for times.
  expect(field("closes").type).toBe("text");
  expect(field("closes").getAttribute("aria-invalid")).toBe("false");
  await press(find("save-hours"));
  await settle();
  expect(sent()).toEqual(kept);
  expect(error).not.toHaveBeenCalled();
});

test("a time is sent as the server has it, and what is none is not sent", async () => {
  answer({ "/api/v1/settings/inbound": fixture.hours });
  await show(<InboundSettings />);
  await settle();
  const save = () => find("save-hours") as HTMLButtonElement;
  for (const wrong of ["24:01", "25:00", "12:60", "", "17", "08:00"]) {
    await type("closes", wrong);
    expect(save().disabled, wrong).toBe(true);
  }
  expect(text()).toContain("最晚 24:00");
  await type("opens", "8:00");
  await type("closes", "18：30");
  await press(save());
  await settle();
  expect(sent()).toMatchObject({ opens: "08:00", closes: "18:30" });
  expect(["0800", "8:00", " 08:00 ", "24:00"].map(timeOf)).toEqual([
    "08:00",
    "08:00",
    "08:00",
    "24:00",
  ]);
});
