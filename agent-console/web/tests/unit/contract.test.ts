// The shapes that the console is built on are those of the committed interface description,
// and each address that it asks for stands in there.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import openapiTS, { astToString } from "openapi-typescript";
import { expect, test } from "vitest";

const description = readFileSync(join(process.cwd(), "../../api/openapi.json"), "utf8");

test("the committed schema is what the committed description says: npm run gen", async () => {
  const made = astToString(await openapiTS(JSON.parse(description)));
  const committed = readFileSync(join(process.cwd(), "console/src/lib/schema.ts"), "utf8");
  expect(committed.endsWith(made)).toBe(true);
  // A compiler reads the whole description: on a busy machine that takes its time.
}, 60_000);

function sources(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? sources(path) : /\.tsx?$/.test(path) ? [path] : [];
  });
}

test("what the console asks for, the server describes", () => {
  const { paths } = JSON.parse(description) as { paths: Record<string, object> };
  const described = Object.keys(paths).map((path) =>
    path.replace("/api/v1", "").replace(/\{[^}]*\}/g, "*"),
  );
  const asked = sources("console/src")
    .filter((path) => !path.endsWith("schema.ts"))
    .flatMap((path) => [
      ...readFileSync(path, "utf8").matchAll(
        /["`](\/(?:me|session|outcomes|cases|tasks|calls|reports|overview|alarms|orders|users|audit|health|settings|desk|evidence|retention|telephony|inbound|transcripts|supervision)\b[^"`]*)["`]/g,
      ),
    ])
    .map((found) => (found[1] ?? "").replace(/\$\{[^}]*\}/g, "*").replace(/\?.*$/, ""));
  expect(asked.length).toBeGreaterThan(10);
  // Pages of the console itself.
  const pages = [
    "/cases/:id",
    "/tasks/:id",
    "/evidence/:tab",
    "/evidence/*",
    "/evidence/retention",
    "/evidence/certificates/:id",
    "/evidence/certificates/*",
  ];
  const unknown = asked.filter(
    (path) =>
      !pages.includes(path) &&
      !described.some((each) => each === path || each.startsWith(`${path}/`)),
  );
  expect(unknown).toEqual([]);
});
