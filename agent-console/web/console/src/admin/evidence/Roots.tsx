// The signed root of each day: how many files, its hash, when it was last looked at.

import { useTranslation } from "react-i18next";
import { dateTime } from "../../lib/time.ts";
import { useTold } from "../../lib/told.ts";
import type { NotaryState, RootRow } from "../../lib/types.ts";
import { List } from "../../ui/List.tsx";

const COLOURS = { intact: "green", broken: "red", unchecked: "" };
const NOTARY = {
  kept: "green",
  waiting: "amber",
  refused: "red",
  broken: "red",
  unchecked: "",
  off: "",
};

/** How a root stands with the notary: number and time of the proof, or why there is none. */
function Notary({ of }: { of: NotaryState }) {
  const { t } = useTranslation();
  const told = useTold();
  const title =
    of.number && t("evidence.notary_title", { block: of.block, transaction: of.transaction });
  return (
    <>
      <span className={`tag wraps ${NOTARY[of.state]}`}>{t(`evidence.notary.${of.state}`)}</span>{" "}
      {of.number && (
        <span className="small" title={title || undefined}>
          <span className="mono">{of.number}</span>
          <br />
          {t("evidence.notary_at", { at: dateTime(of.at) })}
        </span>
      )}
      {of.said && <span className="small">{told(of.said)}</span>}
    </>
  );
}

export function Roots() {
  const { t } = useTranslation();
  const told = useTold();
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
          {
            title: t("evidence.day"),
            render: (_v, row) => <span className="unbroken">{row.day}</span>,
            width: 110,
          },
          { title: t("evidence.files"), dataIndex: "files", align: "right", width: 90 },
          {
            title: <span className="unbroken">{t("evidence.root")}</span>,
            render: (_v, row) => (
              <span className="mono unbroken" title={row.root}>
                {row.root.slice(0, 12)}…{row.root.slice(-8)}
              </span>
            ),
          },
          {
            title: t("evidence.key"),
            width: 140,
            render: (_v, row) => <span className="mono unbroken">{row.key_id}</span>,
          },
          {
            title: t("evidence.notary"),
            width: 230,
            render: (_v, row) => <Notary of={row.notary} />,
          },
          {
            title: t("evidence.made"),
            width: 150,
            render: (_v, row) => <span className="unbroken">{dateTime(row.made_at)}</span>,
          },
          {
            title: t("evidence.checked"),
            width: 150,
            render: (_v, row) => (
              <span className="unbroken">{dateTime(row.checked_at) || "—"}</span>
            ),
          },
          {
            title: t("users.state"),
            width: 220,
            render: (_v, row) => (
              <>
                <span className={`tag ${COLOURS[row.state]}`}>{t(`evidence.${row.state}`)}</span>{" "}
                {row.said && <span className="small">{told(row.said)}</span>}
              </>
            ),
          },
        ]}
      />
    </>
  );
}
