// The dry run: what would go now, why, and how much; and what stays, and why.

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Button, message, Table } from "antd";
import { useTranslation } from "react-i18next";
import { useWords } from "../../i18n/index.ts";
import { bytes } from "../../lib/bytes.ts";
import { get, post } from "../../lib/http.ts";
import { dateTime, day } from "../../lib/time.ts";
import type { RetentionItem, RetentionPlan } from "../../lib/types.ts";
import { Failed } from "../../ui/problem.tsx";

const OF = {
  due: {
    plan: "/retention/plan",
    ask: "/retention/deletions",
    title: "retention.dry_run",
    help: "retention.dry_run_help",
    confirm: "retention.ask_deletion",
  },
  contract: {
    plan: "/retention/contract-end",
    ask: "/retention/contract-end",
    title: "retention.contract",
    help: "retention.contract_help",
    confirm: "retention.ask_contract",
  },
};

export function DryRun(props: { of: keyof typeof OF; mayAsk: boolean }) {
  const of = OF[props.of];
  const { t } = useTranslation();
  const queries = useQueryClient();
  const query = useQuery({
    queryKey: [of.plan],
    queryFn: () => get<RetentionPlan>(of.plan),
    enabled: false,
  });
  const ask = useMutation({
    mutationFn: () => post(of.ask, {}),
    onSuccess: async () => {
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
            loading={ask.isPending}
            onClick={() => ask.mutate()}
          >
            {t(of.confirm)}
          </Button>
        )}
      </div>
      {query.error || ask.error ? <Failed error={query.error ?? ask.error} /> : null}
      {plan ? <Plan plan={plan} /> : <p className="none">{t(of.help)}</p>}
    </section>
  );
}

function Plan({ plan }: { plan: RetentionPlan }) {
  const { t } = useTranslation();
  const words = useWords();
  const amount = (row: { files: number; bytes: number }) =>
    t("retention.amount", { n: row.files, size: bytes(row.bytes) });
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
            render: (_v, row) =>
              row.returned_at
                ? t(row.class === "caller" ? "retention.due_caller" : "retention.due", {
                    from: day(row.returned_at),
                    due: dateTime(row.due_at),
                  })
                : t("retention.due_end"),
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
