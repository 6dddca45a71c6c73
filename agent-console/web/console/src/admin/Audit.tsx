// Who did or saw what, newest first; it can be read and never changed.

import { useTranslation } from "react-i18next";
import { useWords } from "../i18n/index.ts";
import { dateTimeSeconds } from "../lib/time.ts";
import type { AuditRow } from "../lib/types.ts";
import { List } from "../ui/List.tsx";

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
                {row.actor_name || row.actor}{" "}
                <span className="muted small">{words("role", row.role)}</span>
              </>
            ),
          },
          {
            title: t("audit.action"),
            // What was refused for want of a right is told by that right.
            render: (_v, row) => (
              <span title={row.action}>
                {words(row.object_kind === "permission" ? "permission" : "action", row.action)}
              </span>
            ),
          },
          {
            title: t("audit.object"),
            render: (_v, row) => (
              <>
                {words("object", row.object_kind)} <span className="mono">{row.object_id}</span>
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

/** What stands beside a row, in words where there are some; what is empty says nothing. */
function useWritten(): (detail: unknown) => string {
  const { t } = useTranslation();
  const words = useWords();
  const said = (value: unknown): string => {
    if (typeof value === "boolean") return t(value ? "audit.yes" : "audit.no");
    if (typeof value === "string") return words("audit_value", value);
    return JSON.stringify(value);
  };
  return (detail) => {
    if (detail === null || detail === undefined) return "";
    if (typeof detail !== "object" || Array.isArray(detail)) return said(detail);
    return Object.entries(detail)
      .filter(([, value]) => value !== null && value !== "" && value !== undefined)
      .map(([key, value]) => `${words("audit_key", key)} ${said(value)}`)
      .join(" · ");
  };
}
