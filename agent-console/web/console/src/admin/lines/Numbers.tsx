// The number register: each number with its proof and its validity (反电信网络诈骗法, 14).

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Button, Popconfirm, Table } from "antd";
import { useTranslation } from "react-i18next";
import { useListed } from "../../i18n/index.ts";
import { id, post } from "../../lib/http.ts";
import type { NumberRow, TrunkRow } from "../../lib/types.ts";
import { FileButton, FileNews, useFile } from "../../ui/FileButton.tsx";
import { Failed } from "../../ui/problem.tsx";
import { NUMBERS, TELEPHONY } from "./forms.ts";

export function Numbers(props: {
  rows: NumberRow[];
  trunks: TrunkRow[];
  onEdit: (row: NumberRow) => void;
}) {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const pause = useMutation({
    mutationFn: (row: NumberRow) => post(`${NUMBERS}/${id(row.id)}/pause`),
    onSuccess: () => queries.invalidateQueries({ queryKey: TELEPHONY }),
  });
  const listed = useListed();
  const names = new Map(props.trunks.map((trunk) => [trunk.id, trunk.name]));
  return (
    <section className="card list" aria-label={t("lines.numbers")}>
      <h2>{t("lines.numbers")}</h2>
      {pause.error && <Failed error={pause.error} />}
      <Table<NumberRow>
        size="middle"
        rowKey={(row) => row.id}
        pagination={false}
        dataSource={props.rows}
        onRow={() => ({ "data-testid": "number-row" }) as object}
        locale={{ emptyText: <p className="none">{t("lines.no_number")}</p> }}
        columns={[
          {
            title: t("lines.field.number"),
            render: (_v, row) => (
              <>
                <b className="mono">{row.number}</b>
                <div className="muted small">{row.carrier}</div>
              </>
            ),
          },
          { title: t("users.state"), width: 130, render: (_v, row) => <Standing row={row} /> },
          {
            title: t("lines.field.proof"),
            width: 130,
            render: (_v, row) =>
              row.proof ? (
                <Proof numberId={row.id} />
              ) : (
                <span className="tag amber">{t("lines.proof_missing")}</span>
              ),
          },
          {
            title: t("lines.validity"),
            width: 210,
            render: (_v, row) => (
              <span className="mono">
                {row.valid_from || t("lines.open")} – {row.valid_until || t("lines.open")}
              </span>
            ),
          },
          {
            title: t("lines.field.label"),
            render: (_v, row) => (
              <>
                {row.label || "—"}
                <div className="muted small">{t(`lines.label.${row.registration}`)}</div>
              </>
            ),
          },
          {
            title: t("lines.over"),
            render: (_v, row) => listed(row.trunks.map((trunk) => names.get(trunk) ?? trunk)),
          },
          {
            title: t("lines.actions"),
            width: 160,
            render: (_v, row) => (
              <div className="row">
                <Button size="small" onClick={() => props.onEdit(row)}>
                  {t("lines.edit")}
                </Button>
                {row.active && (
                  <Popconfirm
                    title={t("lines.pause_sure", { name: row.number })}
                    okText={t("lines.pause")}
                    cancelText={t("lines.cancel")}
                    onConfirm={() => pause.mutate(row)}
                  >
                    <Button size="small">{t("lines.pause")}</Button>
                  </Popconfirm>
                )}
              </div>
            ),
          },
        ]}
      />
    </section>
  );
}

function Standing({ row }: { row: NumberRow }) {
  const { t } = useTranslation();
  const [colour, word] = !row.active
    ? ["", "inactive"]
    : row.valid
      ? ["green", "active"]
      : ["red", "expired"];
  return <span className={`tag ${colour}`}>{t(`lines.number_state.${word}`)}</span>;
}

/** What proves that the number is the court's: a PDF or a picture. */
function Proof({ numberId }: { numberId: string }) {
  const { t } = useTranslation();
  const file = useFile();
  return (
    <>
      <FileButton
        file={file}
        path={`${NUMBERS}/${id(numberId)}/proof`}
        name={`proof-${numberId}`}
        how="open"
        type="link"
        size="small"
        testId="number-proof"
      >
        {t("lines.proof_open")}
      </FileButton>
      <FileNews file={file} />
    </>
  );
}
