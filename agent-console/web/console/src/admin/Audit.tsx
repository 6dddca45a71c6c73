// Who did or saw what, newest first; it can be read and never changed.

import { useTranslation } from "react-i18next";
import { useListed, useWords } from "../i18n/index.ts";
import { dateTimeSeconds } from "../lib/time.ts";
import type { AuditRow } from "../lib/types.ts";
import { List } from "../ui/List.tsx";
import { differences } from "./lines/difference.ts";
import { useLineWords } from "./lines/words.ts";

const WELL = ["ok", "intact"];

export default function Audit() {
  const { t } = useTranslation();
  const words = useWords();
  const written = useWritten();
  return (
    <div className="page wide">
      <div className="head">
        <h1>{t("area.audit")}</h1>
      </div>
      <List<AuditRow>
        path="/audit"
        dense
        rowKey={(row) => String(row.seq)}
        testId="audit-row"
        empty={t("audit.none")}
        columns={[
          { title: t("audit.seq"), dataIndex: "seq", align: "right", width: 70 },
          { title: t("audit.at"), render: (_v, row) => dateTimeSeconds(row.at), width: 160 },
          {
            title: t("audit.actor"),
            width: 140,
            render: (_v, row) => (
              <>
                {row.actor_name || words("role", row.actor)}{" "}
                {row.role !== row.actor && (
                  <span className="muted small">{words("role", row.role)}</span>
                )}
              </>
            ),
          },
          {
            title: t("audit.action"),
            width: 170,
            // What was refused for want of a right is told by that right.
            render: (_v, row) => (
              <span title={row.action}>
                {words(row.object_kind === "permission" ? "permission" : "action", row.action)}
              </span>
            ),
          },
          {
            title: t("audit.object"),
            width: 290,
            render: (_v, row) => (
              <>
                {words("object", row.object_kind)}
                <div className="mono">{row.object_id}</div>
              </>
            ),
          },
          {
            title: t("audit.result"),
            width: 90,
            render: (_v, row) => (
              <span className={`tag ${WELL.includes(row.result) ? "green" : "amber"}`}>
                {words("audit_result", row.result)}
              </span>
            ),
          },
          { title: t("audit.ip"), render: (_v, row) => row.ip || "—", width: 110 },
          {
            title: t("audit.detail"),
            render: (_v, row) => (
              <span className="small" data-testid="audit-detail">
                {written(row.detail)}
              </span>
            ),
          },
        ]}
      />
    </div>
  );
}

/** Words of other pages for what is said under these names. */
const GROUPS: Record<string, string> = {
  kind: "evidence.kind",
  verdict: "evidence.verdict",
  role: "role",
  phase: "said",
  transcript: "said",
  wrap_up: "settings.policy",
  supervision: "supervise.shown",
};

/** Nothing is said by it: also a list without a day in it. */
const isEmpty = (value: unknown) => value === null || value === "" || value === "{}";

/** From here on a number of milliseconds is a moment, and no length of time: 2001. */
const MOMENT_MS = 1_000_000_000_000;

/** What stands beside a row, in words where there are some; what is empty says nothing. */
function useWritten(): (detail: unknown) => string {
  const { t, i18n } = useTranslation();
  const words = useWords();
  const listed = useListed();
  const line = useLineWords();
  // Said in both languages: one of them is read.
  const other = i18n.language === "en" ? "_zh" : "_en";
  const said = (value: unknown, key: string): string => {
    if (typeof value === "boolean") return t(value ? "audit.yes" : "audit.no");
    if (typeof value === "number" && key.endsWith("_ms") && value >= MOMENT_MS) {
      return dateTimeSeconds(new Date(value).toISOString());
    }
    if (typeof value === "string") {
      if (key === "days") return listed([...value].map((each) => t(`hours.day.${each}`)));
      if (key === "exceptions") return exceptions(value);
      if (key.endsWith("_at")) return dateTimeSeconds(value) || value;
      const group = GROUPS[key] ?? "";
      return i18n.exists(`${group}.${value}`) ? words(group, value) : words("audit_value", value);
    }
    if (Array.isArray(value)) return listed(value.map((each) => said(each, key)));
    if (typeof value !== "object" || value === null) return JSON.stringify(value);
    // What a trunk, a number or a cause table would be is said as on the page of the lines.
    return listed(key === "to" ? wanted(value) : facts(value, key));
  };
  const exceptions = (text: string): string => {
    try {
      const days = Object.entries(JSON.parse(text) as Record<string, boolean>);
      return listed(
        days.map(([day, open]) => `${day} ${t(`hours.exception.${open ? "open" : "closed"}`)}`),
      );
    } catch {
      return text;
    }
  };
  const wanted = (form: object): string[] =>
    differences(null, form as Record<string, unknown>).map(
      ({ field, to }) => `${line.field(field)} ${line.value(field, to, new Map())}`,
    );
  const facts = (detail: object, within = ""): string[] =>
    Object.entries(detail)
      .filter(([key, value]) => !isEmpty(value) && !key.endsWith(other))
      .map(([key, value]) => {
        const group = within === "classes" ? "retention.class" : "audit_key";
        return `${words(group, key)} ${said(value, key)}`;
      });
  return (detail) => {
    if (detail === null || detail === undefined) return "";
    if (typeof detail !== "object" || Array.isArray(detail)) return said(detail, "");
    return facts(detail).join(" · ");
  };
}
