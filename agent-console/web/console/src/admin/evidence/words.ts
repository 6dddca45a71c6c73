// What a request would do, in a line.

import type { TFunction } from "i18next";
import { bytes } from "../../lib/bytes.ts";
import type { RetentionRequest } from "../../lib/types.ts";

export function bodyWords(
  row: RetentionRequest,
  t: TFunction,
  words: (group: string, code: string) => string,
): string {
  const body = (row.body ?? {}) as Record<string, unknown>;
  if (row.kind !== "policy") {
    return t("retention.amount", { n: body.files ?? 0, size: bytes(Number(body.bytes ?? 0)) });
  }
  return Object.entries(body)
    .map(([code, days]) => `${words("retention.class", code)} ${days}`)
    .join(" · ");
}
