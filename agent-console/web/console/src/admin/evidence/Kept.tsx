// Periods, the dry run, what was asked for and who decides, holds that stand.

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Button, Table } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useWords } from "../../i18n/index.ts";
import { get, id, post } from "../../lib/http.ts";
import { useLook } from "../../lib/look.ts";
import { may } from "../../lib/session.ts";
import { dateTime } from "../../lib/time.ts";
import { useTold } from "../../lib/told.ts";
import type { Me, Retention, RetentionRequest } from "../../lib/types.ts";
import { Link } from "../../shell/Shell.tsx";
import { Loading } from "../../ui/Loading.tsx";
import { Failed } from "../../ui/problem.tsx";
import { Approve } from "./Approve.tsx";
import { DryRun } from "./DryRun.tsx";
import { Periods } from "./Periods.tsx";
import { Reason } from "./Reason.tsx";
import { bodyWords } from "./words.ts";

export const RETENTION = "/retention";
const EVERY_MS = 10_000;
const COLOURS: Record<string, string> = {
  waiting: "amber",
  approved: "blue",
  done: "green",
  refused: "red",
  ended: "amber",
};

export function Kept({ me }: { me: Me }) {
  const { t } = useTranslation();
  const look = useLook(RETENTION);
  const query = useQuery({
    queryKey: [RETENTION],
    queryFn: () => get<Retention>(look()),
    // Only a removal that runs moves by itself.
    refetchInterval: ({ state }) =>
      state.data?.requests.some((each) => each.state === "approved") ? EVERY_MS : false,
  });
  if (query.error && !query.data) {
    return <Failed error={query.error} onRetry={() => void query.refetch()} />;
  }
  if (!query.data) return <Loading />;
  const { policy, requests, holds } = query.data;
  return (
    <>
      <Requests me={me} requests={requests} />
      <DryRun of="due" mayAsk={may(me, "retention.ask")} />
      <Periods policy={policy} mayAsk={may(me, "retention.ask")} />
      <DryRun of="contract" mayAsk={may(me, "retention.ask")} />
      <section className="card" aria-label={t("retention.holds")}>
        <h2 className="inset">{t("retention.holds")}</h2>
        {holds.map((hold) => (
          <div key={hold.id} className="file" data-testid="standing-hold">
            <div className="grow">
              <b>{hold.case_number}</b> <span className="tag amber">{t("hold.on")}</span>
              <div className="small">{hold.reason}</div>
            </div>
            <span className="muted small">
              {hold.set_by} · {dateTime(hold.set_at)}
            </span>
          </div>
        ))}
        {holds.length === 0 && <p className="none">{t("retention.no_holds")}</p>}
      </section>
    </>
  );
}

function Requests({ me, requests }: { me: Me; requests: RetentionRequest[] }) {
  const { t } = useTranslation();
  const told = useTold();
  const words = useWords();
  const queries = useQueryClient();
  const [refusing, setRefusing] = useState<string | null>(null);
  const [approving, setApproving] = useState<RetentionRequest | null>(null);
  const [stopping, setStopping] = useState<string | null>(null);
  const act = useMutation({
    mutationFn: ({ path, body }: { path: string; body?: object }) => post(path, body),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: [RETENTION] });
      setRefusing(null);
      setApproving(null);
      setStopping(null);
    },
  });
  const one = (row: RetentionRequest) => `${RETENTION}/requests/${id(row.id)}`;
  return (
    <section className="card list" aria-label={t("retention.requests")}>
      <h2 className="inset">{t("retention.requests")}</h2>
      {act.error && !refusing && !approving && !stopping ? <Failed error={act.error} /> : null}
      <Table<RetentionRequest>
        size="middle"
        rowKey={(row) => row.id}
        pagination={false}
        dataSource={requests}
        onRow={() => ({ "data-testid": "request" }) as object}
        locale={{ emptyText: <p className="none">{t("retention.no_requests")}</p> }}
        columns={[
          {
            title: t("retention.what"),
            render: (_v, row) => (
              <>
                <b>{t(`retention.kind.${row.kind}`)}</b>
                <div className="small">{bodyWords(row, t, words)}</div>
              </>
            ),
          },
          {
            title: t("retention.asked"),
            width: 230,
            render: (_v, row) => (
              <>
                {row.asked_by}
                <div className="muted small">
                  {[dateTime(row.asked_at), row.asked_because].filter(Boolean).join(" · ")}
                </div>
              </>
            ),
          },
          {
            title: t("retention.decided"),
            width: 230,
            render: (_v, row) => (
              <>
                {row.decided_by ?? "—"}
                <div className="muted small">
                  {[dateTime(row.decided_at), row.reason, told(row.refused)]
                    .filter(Boolean)
                    .join(" · ")}
                </div>
                {row.ending && (
                  <div className="small" data-testid="ending">
                    {t(row.ending.agreed ? "retention.end_agreed" : "retention.end_asked", {
                      who: row.ending.by,
                      agreed: row.ending.agreed,
                      why: row.ending.reason,
                    })}
                  </div>
                )}
              </>
            ),
          },
          {
            title: t("users.state"),
            width: 300,
            render: (_v, row) => (
              <span className="row">
                <span className={`tag ${COLOURS[row.state] ?? ""}`}>
                  {t(`retention.state.${row.state}`)}
                </span>
                <span className="grow" />
                {row.certificate && (
                  <Link to={`/evidence/certificates/${id(row.certificate)}`} testId="certificate">
                    {t("retention.certificate")}
                  </Link>
                )}
                {row.state === "waiting" && may(me, "retention.decide") && !row.own && (
                  <>
                    <Button
                      size="small"
                      type="primary"
                      data-testid="approve"
                      onClick={() => setApproving(row)}
                    >
                      {t("retention.approve")}
                    </Button>
                    <Button size="small" data-testid="refuse" onClick={() => setRefusing(one(row))}>
                      {t("retention.refuse")}
                    </Button>
                  </>
                )}
                {row.kind !== "policy" && row.state === "approved" && (
                  <End
                    row={row}
                    me={me}
                    onAsk={() => setStopping(one(row))}
                    onDecide={(end) =>
                      act.mutate({ path: `${one(row)}/end/decision`, body: { end } })
                    }
                  />
                )}
                {row.state === "waiting" && row.own && may(me, "retention.ask") && (
                  <Button
                    size="small"
                    data-testid="withdraw"
                    onClick={() => act.mutate({ path: `${one(row)}/withdraw` })}
                  >
                    {t("retention.withdraw")}
                  </Button>
                )}
              </span>
            ),
          },
        ]}
      />
      {refusing && (
        <Reason
          title={t("retention.refuse")}
          help={t("retention.refuse_help")}
          confirm={t("retention.refuse")}
          pending={act.isPending}
          error={act.error}
          onDone={(reason) =>
            act.mutate({ path: `${refusing}/decision`, body: { approve: false, reason } })
          }
          onClose={() => {
            act.reset();
            setRefusing(null);
          }}
        />
      )}
      {approving && (
        <Approve
          row={approving}
          pending={act.isPending}
          error={act.error}
          onDone={(approval) => act.mutate({ path: `${one(approving)}/decision`, body: approval })}
          onClose={() => {
            act.reset();
            setApproving(null);
          }}
        />
      )}
      {stopping && (
        <Reason
          title={t("retention.end")}
          help={t("retention.end_help")}
          confirm={t("retention.end")}
          pending={act.isPending}
          error={act.error}
          onDone={(reason) => act.mutate({ path: `${stopping}/end`, body: { reason } })}
          onClose={() => {
            act.reset();
            setStopping(null);
          }}
        />
      )}
    </section>
  );
}

/** The end of a deletion that is under way: one asks, another decides. */
function End(props: {
  row: RetentionRequest;
  me: Me;
  onAsk: () => void;
  onDecide: (end: boolean) => void;
}) {
  const { t } = useTranslation();
  const { ending } = props.row;
  if (!ending) {
    return may(props.me, "retention.ask") ? (
      <Button size="small" data-testid="end" onClick={props.onAsk}>
        {t("retention.end")}
      </Button>
    ) : null;
  }
  if (ending.agreed || ending.own || !may(props.me, "retention.decide")) return null;
  return (
    <>
      <Button size="small" danger data-testid="end-agree" onClick={() => props.onDecide(true)}>
        {t("retention.end_agree")}
      </Button>
      <Button size="small" data-testid="end-go-on" onClick={() => props.onDecide(false)}>
        {t("retention.end_go_on")}
      </Button>
    </>
  );
}
