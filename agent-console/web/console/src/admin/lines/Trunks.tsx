// The trunks: how each stands, and what goes over it now.

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Button, Popconfirm, Table } from "antd";
import { useTranslation } from "react-i18next";
import { useWords } from "../../i18n/index.ts";
import { id, post } from "../../lib/http.ts";
import { shortTime } from "../../lib/time.ts";
import type { TrunkRow } from "../../lib/types.ts";
import { Failed } from "../../ui/problem.tsx";
import { TELEPHONY, TRUNKS } from "./forms.ts";

export function Trunks(props: {
  rows: TrunkRow[];
  onEdit: (row: TrunkRow) => void;
  onCauses: (row: TrunkRow) => void;
}) {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const pause = useMutation({
    mutationFn: (row: TrunkRow) => post(`${TRUNKS}/${id(row.id)}/pause`),
    onSuccess: () => queries.invalidateQueries({ queryKey: TELEPHONY }),
  });
  const retry = useMutation({
    mutationFn: (row: TrunkRow) => post(`${TRUNKS}/${id(row.id)}/retry`),
    onSuccess: () => queries.invalidateQueries({ queryKey: TELEPHONY }),
  });
  return (
    <section className="card list" aria-label={t("lines.trunks")}>
      <h2>{t("lines.trunks")}</h2>
      {pause.error && <Failed error={pause.error} />}
      {retry.error && <Failed error={retry.error} />}
      <Table<TrunkRow>
        size="middle"
        rowKey={(row) => row.id}
        pagination={false}
        dataSource={props.rows}
        onRow={() => ({ "data-testid": "trunk-row" }) as object}
        locale={{ emptyText: <p className="none">{t("lines.no_trunk")}</p> }}
        columns={[
          {
            title: t("lines.field.name"),
            render: (_v, row) => (
              <>
                <b>{row.name}</b>
                <div className="muted small hosts">
                  {row.profile.transport.toUpperCase()} {row.profile.hosts.join(", ")}
                </div>
                {row.profile.srtp && row.profile.srtp !== "off" && (
                  <span className="tag green">{t(`lines.srtp_tag.${row.profile.srtp}`)}</span>
                )}
              </>
            ),
          },
          { title: t("users.state"), width: 150, render: (_v, row) => <Use row={row} /> },
          {
            title: t("lines.shown_numbers"),
            render: (_v, row) =>
              row.numbers.length > 0 ? (
                <span className="mono">{row.numbers.join(", ")}</span>
              ) : (
                <span className="tag amber">{t("lines.no_number_here")}</span>
              ),
          },
          {
            title: t("lines.live"),
            width: 110,
            align: "right",
            render: (_v, row) => of(row.live_calls, row.profile.max_calls),
          },
          {
            title: t("lines.today"),
            width: 130,
            align: "right",
            render: (_v, row) => of(row.calls_today, row.profile.calls_per_day),
          },
          {
            title: t("lines.field.weight"),
            width: 80,
            align: "right",
            render: (_v, row) => row.profile.weight,
          },
          {
            title: t("lines.actions"),
            width: 290,
            render: (_v, row) => (
              <div className="row">
                <Button size="small" onClick={() => props.onEdit(row)}>
                  {t("lines.edit")}
                </Button>
                <Button size="small" onClick={() => props.onCauses(row)}>
                  {t("lines.causes")}
                </Button>
                {row.state === "active" && row.signalling?.up === false && (
                  <Button
                    size="small"
                    loading={retry.isPending && retry.variables.id === row.id}
                    onClick={() => retry.mutate(row)}
                  >
                    {t("lines.retry")}
                  </Button>
                )}
                {row.state === "active" && (
                  <Popconfirm
                    title={t("lines.pause_sure", { name: row.name })}
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

/** Whether calls go over it: by whoever manages it, and by what the carrier says. */
function Use({ row }: { row: TrunkRow }) {
  const { t } = useTranslation();
  const words = useWords();
  const line = row.signalling;
  if (row.state === "paused") return <span className="tag amber">{t("lines.state.paused")}</span>;
  if (!line) return <span className="tag">{t("lines.standing.unknown")}</span>;
  return (
    <>
      <span className={`tag ${line.up ? "green" : "red"}`}>
        {words("lines.standing", line.why)}
      </span>
      <div className="muted small">
        {line.registered_until
          ? t("lines.standing.until", { at: shortTime(line.registered_until) })
          : line.last_status && t("lines.standing.said", { status: line.last_status })}
      </div>
    </>
  );
}

/** So many of at most so many; nothing behind it where there is no limit. */
function of(value: number, limit: number) {
  return (
    <span className="mono">
      {value}
      {limit > 0 && <span className="muted"> / {limit}</span>}
    </span>
  );
}
