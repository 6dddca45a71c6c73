// The form and the script as they are drawn: what was kept shows its mask, what was said in
// the call before is marked, what the court has no choice of is not asked.
import { renderToStaticMarkup } from "react-dom/server";
import { beforeAll, expect, test } from "vitest";
import { Fields } from "../../console/src/desk/Fields.tsx";
import { NoticeLanguage, noticeLanguage } from "../../console/src/desk/NoticeLanguage.tsx";
import { emptyChoice, type FieldValue } from "../../console/src/desk/outcome.ts";
import { asCall } from "../../console/src/desk/owed.ts";
import { nextStep, Script } from "../../console/src/desk/Script.tsx";
import { startLanguages } from "../../console/src/i18n/index.ts";
import type { Business, CallState, OwedCall, WorkOrder } from "../../console/src/lib/types.ts";
import * as fixture from "../shots/fixture.ts";

beforeAll(startLanguages);

const field = (id: string, kind: "mobile" | "email") => ({
  id,
  kind,
  label_zh: id,
  label_en: id,
  required: false,
  write_only: true,
  options: [],
});
const business: Business = {
  code: "B01",
  key: 1,
  zh: "",
  en: "",
  next_zh: "",
  next_en: "",
  contacts: [],
  heard_all: false,
  fields: [field("mobile", "mobile"), field("email", "email")],
  one_of: [["mobile", "email"]],
};

function fields(values: Record<string, FieldValue>): string {
  const choice = { ...emptyChoice, business: "B01", fields: values };
  const props = { business, choice, disabled: false, refused: null, onChange: () => undefined };
  return renderToStaticMarkup(<Fields {...props} />);
}

test("of a group each empty field is needed until one of them is filled", () => {
  expect(fields({}).match(/至少填一项/g)).toHaveLength(2);
  expect(fields({ email: "a@b.cn" })).not.toContain("至少填一项");
});

test("R4.3b a number that is kept is its mask, and no field that would hold it", () => {
  const html = fields({ mobile: { kept: true, masked: "138****5678" } });
  expect(html).toContain("138****5678");
  expect(html).not.toMatch(/<input[^>]*field-mobile/);
  expect(html).toContain("重新填写");
});

const steps = [
  { id: "identify", title_zh: "表明身份", title_en: "", text_zh: "您好", must: true },
  { id: "verify", title_zh: "核对本人", title_en: "", text_zh: "请问", must: true },
];
const order = (more: Partial<WorkOrder>) =>
  ({ ...fixture.workOrder("wo-1", steps), ...more }) as unknown as WorkOrder;

test("E45 after a consent that was cut off the script says what was said before", () => {
  const ticks = [{ step: "identify", at: "", offset_ms: 9_000 }];
  const resumed = order({ resumed_from: { call_id: "c0", ticks } });
  const draw = (shown: WorkOrder) =>
    renderToStaticMarkup(<Script order={shown} call={null} onTick={() => undefined} />);
  expect(draw(resumed).match(/上次已说/g)).toHaveLength(1);
  expect(draw(resumed)).toContain("已说 1 项");
  expect(draw(order({ resumed_from: null }))).not.toContain("上次已说");
});

test("the next step is the first that was not said in this call", () => {
  expect(nextStep(order({}), new Map())?.id).toBe("identify");
  expect(nextStep(order({}), new Map([["identify", 1]]))?.id).toBe("verify");
});

test("the notice goes in the party's language where the court has it", () => {
  const uyghur = order({});
  uyghur.recipient.language = "ug";
  expect(noticeLanguage(null, uyghur, ["zh", "en"])).toBe("zh");
  expect(noticeLanguage(null, uyghur, ["zh", "ug"])).toBe("ug");
  expect(noticeLanguage("en", uyghur, ["zh", "ug", "en"])).toBe("en");
  const props = { chosen: "zh", disabled: false, onChoose: () => undefined };
  expect(renderToStaticMarkup(<NoticeLanguage all={["zh"]} {...props} />)).toBe("");
});

test("an owed call that nobody answered has no outcome to choose", () => {
  const heard = (fixture.owed as OwedCall[]).map((owed) => asCall(owed).answered_at !== null);
  expect(heard).toEqual([true, false]);
});

test("while the party hears music the script says why nothing can be ticked", () => {
  const call = { ...asCall((fixture.owed as OwedCall[])[0] as OwedCall), end: null };
  const draw = (held: boolean) =>
    renderToStaticMarkup(
      <Script
        order={order({})}
        call={{ ...call, phase: "talking", held } as CallState}
        onTick={() => undefined}
      />,
    );
  expect(draw(true)).toContain("取回后再勾选");
  expect(draw(true)).not.toContain("接通后勾选");
  expect(draw(false)).not.toContain("再勾选");
});
