// What of the evidence is 待核查: said before anything is built on it.

import { Alert } from "antd";
import { useTranslation } from "react-i18next";
import { useWords } from "../i18n/index.ts";
import { dateTime } from "../lib/time.ts";
import { useTold } from "../lib/told.ts";
import type { Doubt } from "../lib/types.ts";

export function Doubts({ doubts }: { doubts: Doubt[] }) {
  const { t } = useTranslation();
  const words = useWords();
  if (doubts.length === 0) return null;
  return (
    <Alert
      data-testid="banner-doubts"
      type="error"
      showIcon
      style={{ margin: "12px 0" }}
      title={t("evidence.banner", { count: doubts.length, n: doubts.length })}
      description={
        <ul>
          {doubts.map((doubt) => (
            <li key={doubt.id}>
              {words("evidence.kind", doubt.kind)} {doubt.name}{" "}
              <span className="mono">{doubt.object_id}</span> {doubt.task_number} ·{" "}
              {words("evidence.verdict", doubt.verdict)} · {dateTime(doubt.found_at)}
            </li>
          ))}
        </ul>
      }
    />
  );
}

/** A mark in a list, where the file that is meant is in doubt. */
export function DoubtTag({ doubts, is }: { doubts: Doubt[]; is: (doubt: Doubt) => boolean }) {
  const { t } = useTranslation();
  const told = useTold();
  const found = doubts.find(is);
  if (!found) return null;
  return (
    <span className="tag red" data-testid="doubt-tag" title={told(found.said)}>
      {t("evidence.doubtful")}
    </span>
  );
}
