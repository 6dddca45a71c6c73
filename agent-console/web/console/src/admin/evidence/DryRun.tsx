// The dry run: what would go now, why, and how much; and what stays, and why.

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Button, message, Table } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useWords } from "../../i18n/index.ts";
import { bytes } from "../../lib/bytes.ts";
import { get, post } from "../../lib/http.ts";
import { dateTime, day } from "../../lib/time.ts";
import type { RetentionItem, RetentionPlan } from "../../lib/types.ts";
import { Failed } from "../../ui/problem.tsx";
import { Reason } from "./Reason.tsx";

const OF = {
  due: {
    plan: "/retention/plan",
    ask: "/retention/deletions",
    title: "retention.dry_run",
    help: "retention.dry_run_help",
    confirm: "retention.ask_deletion",
    ground: "removal.ground.period",
  },
  contract: {
    plan: "/retention/contract-end",
    ask: "/retention/contract-end",
    title: "retention.contract",
    help: "retention.contract_help",
    confirm: "retention.ask_contract",
    ground: "removal.ground.contract_end",
  },
};

export function DryRun(props: { of: keyof typeof OF; mayAsk: boolean }) {
  const of = OF[props.of];
  const { t } = useTranslation();
  const queries = useQueryClient();
  const [asking, setAsking] = useState(false);
  const query = useQuery({
    queryKey: [of.plan],
    queryFn: () => get<RetentionPlan>(of.plan),
    enabled: false,
  });
  const ask = useMutation({
    mutationFn: (reason: string) => post(of.ask, { reason }),
    onSuccess: async () => {
      setAsking(false);
      await queries.invalidateQueries({ queryKey: ["/retention"] });
      void message.success(t("retention.asked_done"));
    },
  });
  const plan = query.data;
  return (
    <section className="card list" aria-label={t(of.title)}>
      <div className="row inset">
        <h2 className="grow">{t(of.title)}</h2>
        <Button
          data-testid={props.of === "due" ? "dry-run" : "dry-run-contract"}
          loading={query.isFetching}
          onClick={() => void query.refetch()}
        >
          {t("retention.look")}
        </Button>
        {props.mayAsk && (
          <Button
            danger
            data-testid={props.of === "due" ? "ask-deletion" : "ask-contract"}
            disabled={!plan || plan.items.length === 0}
            onClick={() => setAsking(true)}
          >
            {t(of.confirm)}
          </Button>
        )}
      </div>
      {query.error ? <Failed error={query.error} /> : null}
      {asking && plan && (
        <Reason
          danger
          title={t(of.confirm)}
          help={t("retention.ask_help")}
          confirm={t(of.confirm)}
          pending={ask.isPending}
          error={ask.error}
          onDone={(reason) => ask.mutate(reason)}
          onClose={() => {
            ask.reset();
            setAsking(false);
          }}
        >
          <p data-testid="ask-says">
            {t("retention.ask_says", { ground: t(of.ground), size: bytes(plan.total.bytes) })}
          </p>
          <p className="for-good">
            {t("retention.for_good", {
              count: plan.total.files,
              n: plan.total.files,
              cases: plan.cases,
            })}
          </p>
        </Reason>
      )}
      {plan ? (
        <Plan plan={plan} isEnd={props.of === "contract"} />
      ) : (
        <p className="none">{t(of.help)}</p>
      )}
    </section>
  );
}

function Plan({ plan, isEnd }: { plan: RetentionPlan; isEnd: boolean }) {
  const { t } = useTranslation();
  const words = useWords();
  const amount = (row: { files: number; bytes: number }) =>
    t("retention.amount", { count: row.files, n: row.files, size: bytes(row.bytes) });
  return (
    <>
      <dl className="facts" data-testid="plan">
        <div>
          <dt>{t("retention.would_go")}</dt>
          <dd>
            {amount(plan.total)}
            {plan.more && ` ${t("retention.more")}`}
          </dd>
        </div>
        {Object.entries(plan.classes).map(([code, row]) => (
          <div key={code}>
            <dt>{words("retention.class", code)}</dt>
            <dd>{amount(row)}</dd>
          </div>
        ))}
        {Object.entries(plan.kept).map(([why, row]) => (
          <div key={why}>
            <dt>{t("retention.stays", { why: words("retention.why", why) })}</dt>
            <dd>{amount(row)}</dd>
          </div>
        ))}
      </dl>
      <Table<RetentionItem>
        size="small"
        rowKey={(row) => row.file}
        pagination={{ pageSize: 20, hideOnSinglePage: true, showSizeChanger: false }}
        dataSource={plan.items}
        locale={{ emptyText: <p className="none">{t("retention.nothing")}</p> }}
        columns={[
          {
            title: t("evidence.file"),
            render: (_v, row) => (
              <>
                {words("evidence.kind", row.kind)} <span className="mono">{row.file}</span>
              </>
            ),
          },
          {
            title: t("evidence.case"),
            render: (_v, row) => (
              <>
                {row.case_number} <span className="muted small">{row.task_number}</span>
              </>
            ),
          },
          {
            title: t("retention.class"),
            width: 120,
            render: (_v, row) => words("retention.class", row.class),
          },
          {
            title: t("retention.reason"),
            render: (_v, row) => (isEnd ? <End row={row} /> : <Due row={row} />),
          },
          {
            title: t("retention.size"),
            width: 110,
            align: "right",
            render: (_v, row) => bytes(row.bytes),
          },
        ]}
      />
    </>
  );
}

function Due({ row }: { row: RetentionItem }) {
  const { t } = useTranslation();
  const due = dateTime(row.due_at);
  if (!row.returned_at) return <>{t("retention.due_since", { due })}</>;
  const from = day(row.returned_at);
  return <>{t(row.class === "caller" ? "retention.due_caller" : "retention.due", { from, due })}</>;
}

/** No period counts at the end of the contract; what never came back to the court says so. */
function End({ row }: { row: RetentionItem }) {
  const { t } = useTranslation();
  if (!row.case_number) return <>{t("retention.due_end")}</>;
  return (
    <>
      {t("retention.due_end")} ·{" "}
      {row.returned_at
        ? t("retention.returned", { from: day(row.returned_at) })
        : t("retention.why.not_returned")}
    </>
  );
}
