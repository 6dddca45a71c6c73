// The signed root of each day: how many files, its hash, when it was last looked at.

import { useTranslation } from "react-i18next";
import { dateTime } from "../../lib/time.ts";
import type { RootRow } from "../../lib/types.ts";
import { List } from "../../ui/List.tsx";

const COLOURS = { intact: "green", broken: "red", unchecked: "" };

export function Roots() {
  const { t } = useTranslation();
  return (
    <>
      <p className="muted">{t("evidence.roots_help")}</p>
      <List<RootRow>
        path="/evidence/roots"
        rowKey={(row) => row.day}
        testId="root"
        dense
        every={60_000}
        empty={t("evidence.no_roots")}
        columns={[
          { title: t("evidence.day"), dataIndex: "day", width: 120 },
          { title: t("evidence.files"), dataIndex: "files", align: "right", width: 90 },
          {
            title: t("evidence.root"),
            render: (_v, row) => (
              <span className="mono" title={row.root}>
                {row.root.slice(0, 16)}…{row.root.slice(-8)}
              </span>
            ),
          },
          {
            title: t("evidence.key"),
            width: 170,
            render: (_v, row) => <span className="mono">{row.key_id}</span>,
          },
          { title: t("evidence.made"), width: 150, render: (_v, row) => dateTime(row.made_at) },
          {
            title: t("evidence.checked"),
            width: 150,
            render: (_v, row) => dateTime(row.checked_at) || "—",
          },
          {
            title: t("users.state"),
            width: 220,
            render: (_v, row) => (
              <>
                <span className={`tag ${COLOURS[row.state]}`}>{t(`evidence.${row.state}`)}</span>{" "}
                {row.detail && <span className="small">{row.detail}</span>}
              </>
            ),
          },
        ]}
      />
    </>
  );
}
