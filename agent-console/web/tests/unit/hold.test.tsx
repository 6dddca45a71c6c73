// The two papers that stand against and behind a deletion: the legal hold of a case, and the
// certificate of what is gone.
import { expect, test } from "vitest";
import Certificate from "../../console/src/admin/evidence/Certificate.tsx";
import { Hold } from "../../console/src/court/Hold.tsx";
import type { Me } from "../../console/src/lib/types.ts";
import * as evidence from "../shots/evidence.ts";
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
  type,
} from "./mounted.tsx";

pages();

const judge = fixture.me("judge") as Me;
const HOLDS = "/api/v1/cases/case-1/holds";
const standing = evidence.holds;
const lifted = {
  items: [
    {
      ...standing.items[0],
      lifted_by: "陈静",
      lifted_at: fixture.day(-1, "10:40"),
      lift_reason: "再审申请已驳回",
    },
  ],
};

const confirm = () =>
  document.querySelector<HTMLButtonElement>(".ant-modal-footer .ant-btn-primary");
const dialog = () => document.querySelector(".ant-modal-footer");
const posts = () => asked.filter((each) => each.method === "POST");
const state = () => find("hold-state")?.textContent;

async function open(holds: object, me = judge) {
  answer({ [`GET ${HOLDS}`]: holds });
  await show(<Hold me={me} caseId="case-1" />);
  await settle();
}

test("x6_a_hold_is_set_with_its_reason_and_stands_then_with_who_set_it", async () => {
  await open({ items: [] });
  expect(state()).toBe("未保全");
  expect(text()).toContain("未设置过保全");
  await press(find("hold"));
  expect(text()).toContain("保全优先于一切销毁任务");
  expect(confirm()?.disabled, "nothing was typed").toBe(true);
  await type("reason", "  ");
  expect(confirm()?.disabled, "a reason is words").toBe(true);
  await type("reason", " 当事人申请再审，暂停销毁 ");
  answer({ [`GET ${HOLDS}`]: standing });
  await press(confirm());
  await settle();
  expect(posts()).toEqual([
    { method: "POST", path: HOLDS, body: { reason: "当事人申请再审，暂停销毁" } },
  ]);
  expect(state()).toBe("保全中");
  expect(text()).toContain("陆法官 于");
  expect(find("hold")?.textContent).toContain("解除保全");
});

test("x6_a_hold_is_lifted_with_its_reason_and_both_stay_to_be_read", async () => {
  await open(standing);
  await press(find("hold"));
  expect(text()).toContain("解除后，到期的证据可以再次进入销毁");
  await type("reason", "再审申请已驳回");
  answer({ [`GET ${HOLDS}`]: lifted });
  await press(confirm());
  await settle();
  expect(posts()).toEqual([
    { method: "POST", path: `${HOLDS}/lift`, body: { reason: "再审申请已驳回" } },
  ]);
  expect(state()).toBe("未保全");
  for (const words of ["当事人申请再审，暂停销毁", "陈静 于", "解除：再审申请已驳回"])
    expect(text()).toContain(words);
});

test("a hold that the server refuses keeps its question open, with the reason of the refusal", async () => {
  await open({ items: [] });
  await press(find("hold"));
  await type("reason", "当事人申请再审");
  answer({ [`POST ${HOLDS}`]: { status: 409, code: "hold.there", detail: "there is one" } });
  await press(confirm());
  await settle();
  expect(find("error-hold.there")?.textContent).toContain("案件已在保全中");
  expect(dialog(), "the question is still open").not.toBeNull();
  expect(state()).toBe("未保全");
});

test("x6_a_hold_that_came_too_late_for_a_file_stands_and_says_so_beside_it", async () => {
  await speak("en");
  await open({ items: [] });
  await press(find("hold"));
  await type("reason", "当事人申请再审");
  answer({
    [`POST ${HOLDS}`]: { status: 409, code: "hold.removal", detail: "" },
    [`GET ${HOLDS}`]: standing,
  });
  await press(confirm());
  await settle();
  expect(state()).toBe("under hold");
  expect(find("error-hold.removal")?.textContent).toContain("The hold stands");
  // The button of the question would lift now what was just set.
  expect(find("reason")?.closest(".ant-modal-wrap")?.textContent ?? "").not.toContain("Say why");
});

test("who may not manage holds reads the hold and has no button for it", async () => {
  await open(standing, fixture.me("auditor") as Me);
  expect(state()).toBe("保全中");
  expect(find("hold")).toBeNull();
});

test("a hold that cannot be read is never shown as no hold with a button", async () => {
  await open({ status: 503, code: "house.busy", detail: "" });
  expect(find("error-house.busy")).not.toBeNull();
  expect(find("hold")).toBeNull();
  expect(text()).not.toContain("未设置过保全");
  expect(state(), "nobody knows").toBe("未知");
});

const PROOF = "/api/v1/retention/certificates/certificate-1";

async function certificate(is_genuine: boolean) {
  answer({ [PROOF]: { ...evidence.certificate, is_genuine } });
  return await inBoth(() => <Certificate certificateId="certificate-1" />);
}

test("x6_a_genuine_certificate_says_so_with_who_asked_who_agreed_and_each_hash", async () => {
  const told = await certificate(true);
  expect(told["zh-CN"]).toContain("签名有效");
  expect(told.en).toContain("signature valid");
  for (const page of Object.values(told)) {
    expect(page).not.toMatch(/签名不符|does not fit/);
    for (const file of evidence.certificate.content.files)
      for (const fact of [file.file, file.case, `SHA-256 ${file.sha256}`, `SM3 ${file.sm3}`])
        expect(page).toContain(fact);
    for (const fact of ["赵强", "陈静", "服务合同于本月终止", evidence.certificate.signature])
      expect(page).toContain(fact);
  }
  for (const words of [
    "证据销毁证明",
    "销毁依据",
    "合同终止",
    "2 份，11.5 MiB",
    "未销毁",
    "1002号 保全",
  ])
    expect(told["zh-CN"]).toContain(words);
  for (const words of [
    "Certificate of deletion",
    "Ground",
    "files: 2, 11.5 MiB",
    "Not deleted",
    "Recording",
  ])
    expect(told.en).toContain(words);
});

test("x6_a_forged_certificate_says_that_its_signature_does_not_fit", async () => {
  const told = await certificate(false);
  expect(told["zh-CN"]).toContain("签名不符");
  expect(told["zh-CN"]).not.toContain("签名有效");
  expect(told.en).toContain("signature does not fit");
  expect(told.en).not.toContain("signature valid");
});

test("a certificate is handed out as what was signed, not as the page shows it", async () => {
  await certificate(true);
  const href = find("json")?.getAttribute("href") ?? "";
  const file = JSON.parse(decodeURIComponent(href.replace(/^[^,]*,/, "")));
  const { signed, suite, key_id, signature } = evidence.certificate;
  expect(file).toEqual({ signed, suite, key_id, signature });
});

test("a certificate that is not there is an error, and no empty paper", async () => {
  answer({ [PROOF]: { status: 404, code: "http.404" } });
  await show(<Certificate certificateId="certificate-1" />);
  await settle();
  expect(find("error-http.404")).not.toBeNull();
  expect(find("print")).toBeNull();
});
