// Each address that the console asks for stands in the committed interface description.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const description = join(process.cwd(), "../../api/openapi.json");

const USED = [
  "post /api/v1/session",
  "delete /api/v1/session",
  "get /api/v1/me",
  "post /api/v1/session/key",
  "get /api/v1/outcomes",
  "post /api/v1/calls/{}/outcome",
  "get /api/v1/cases",
  "get /api/v1/cases/{}",
  "get /api/v1/tasks",
  "get /api/v1/tasks/{}",
  "get /api/v1/calls/{}/recording",
  "get /api/v1/calls/{}/recording/audio",
  "get /api/v1/calls/{}/recording/download",
  "get /api/v1/calls/{}/recording/peaks",
  "get /api/v1/calls/{}/transcript",
  "put /api/v1/calls/{}/transcript/lines/{}",
  "get /api/v1/calls/{}/transcript/download",
  "get /api/v1/reports/{}/pdf",
  "get /api/v1/overview",
  "get /api/v1/alarms",
  "get /api/v1/orders",
  "get /api/v1/users",
  "get /api/v1/audit",
  "get /api/v1/health",
];

test.skipIf(!existsSync(description))("what the console asks for, the server describes", () => {
  const { paths } = JSON.parse(readFileSync(description, "utf8")) as {
    paths: Record<string, Record<string, unknown>>;
  };
  const described = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method} ${path.replace(/\{[^}]*\}/g, "{}")}`),
  );
  expect(USED.filter((each) => !described.includes(each))).toEqual([]);
});
