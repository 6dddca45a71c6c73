// Several things in one line, as each language lists them.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import rules from "../../../service/rules/outcomes-v2.json";
import { OutcomeForm } from "../../console/src/desk/OutcomeForm.tsx";
import { asCall } from "../../console/src/desk/owed.ts";
import { Who } from "../../console/src/desk/Who.tsx";
import type { OutcomeTable, OwedCall, WorkOrder } from "../../console/src/lib/types.ts";
import * as fixture from "../shots/fixture.ts";
import { inBoth, pages } from "./mounted.tsx";

pages();

test("what is lacking of an outcome is listed as the agent's language lists it", async () => {
  const table = fixture.outcomes(rules as unknown as OutcomeTable);
  const told = await inBoth(() => (
    <OutcomeForm
      table={table}
      call={asCall(fixture.owed[0] as OwedCall)}
      keys={{ current: null }}
      onSaved={() => undefined}
    />
  ));
  expect(told.en).toMatch(/Missing: who spoke, what was agreed/);
  expect(told.en).not.toContain("、");
  expect(told["zh-CN"]).toMatch(/还缺：[^,，、]+、/);
});

test("documents and others of a case are listed so too", async () => {
  const order = fixture.workOrder("wo-1", []) as unknown as WorkOrder;
  const told = await inBoth(() => (
    <Who order={order} call={null} mayDial={false} onDial={() => undefined} />
  ));
  expect(told.en).toContain("传票, 起诉状副本");
  expect(told["zh-CN"]).toContain("传票、起诉状副本");
  expect(told.en).not.toContain("、");
});

function sources(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? sources(path) : /\.tsx?$/.test(path) ? [path] : [];
  });
}

test("no page has a comma of its own, but what is said to the party in Chinese", () => {
  const own = sources(join(process.cwd(), "console/src")).filter((path) =>
    /join\("[、，；]"\)/.test(readFileSync(path, "utf8")),
  );
  expect(own.map((path) => path.replace(/.*console\/src\//, ""))).toEqual(["desk/script.ts"]);
});
