// What a request would do, in a line, and in figures.

import type { TFunction } from "i18next";
import { bytes } from "../../lib/bytes.ts";
import type { RetentionRequest } from "../../lib/types.ts";

/** How much would go; a request of a version that did not count its cases has none. */
export function asked(row: RetentionRequest): { files: number; cases: number; size: number } {
  const body = (row.body ?? {}) as Record<string, unknown>;
  return {
    files: Number(body.files ?? 0),
    cases: Number(body.cases ?? 0),
    size: Number(body.bytes ?? 0),
  };
}

export function bodyWords(
  row: RetentionRequest,
  t: TFunction,
  words: (group: string, code: string) => string,
): string {
  if (row.kind !== "policy") {
    const { files, cases, size } = asked(row);
    const amount = t("retention.amount", { count: files, n: files, size: bytes(size) });
    return cases > 0 ? `${amount} · ${t("retention.cases", { count: cases, n: cases })}` : amount;
  }
  return Object.entries((row.body ?? {}) as Record<string, unknown>)
    .map(([code, days]) => t("retention.period", { class: words("retention.class", code), days }))
    .join(" · ");
}
