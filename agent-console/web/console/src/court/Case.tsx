// One case: its facts, the orders that came in, and one task for each recipient.

import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { useWords } from "../i18n/index.ts";
import { get, id } from "../lib/http.ts";
import { dateTime, day } from "../lib/time.ts";
import { useTold } from "../lib/told.ts";
import type { CaseDetail, Me, OrderRow } from "../lib/types.ts";
import { Link } from "../shell/Shell.tsx";
import { Loading } from "../ui/Loading.tsx";
import { Failed } from "../ui/problem.tsx";
import { Doubts } from "./Doubts.tsx";
import { Hold } from "./Hold.tsx";
import { TaskTable } from "./TaskTable.tsx";

export default function Case({ me, caseId }: { me: Me; caseId: string }) {
  const { t } = useTranslation();
  const words = useWords();
  const query = useQuery({
    queryKey: ["case", caseId],
    queryFn: () => get<CaseDetail>(`/cases/${id(caseId)}`),
  });
  if (query.error) {
    return (
      <div className="page">
        <Failed error={query.error} onRetry={() => void query.refetch()} />
      </div>
    );
  }
  if (!query.data) return <Loading />;
  const found = query.data;
  return (
    <div className="page">
      <p className="crumb">
        <Link to="/cases">{t("area.cases")}</Link> › {found.number}
      </p>
      <div className="head">
        <h1>{found.number}</h1>
        <span className="muted">
          {[words("said", found.kind), words("said", found.procedure), found.cause]
            .filter(Boolean)
            .join(" · ")}
        </span>
      </div>
      <Doubts doubts={found.doubts ?? []} />
      <dl className="card facts">
        <Fact name={t("field.dept")} value={`${found.dept} ${found.judge_name}`} />
        <Fact
          name={t("field.hearing")}
          value={`${dateTime(found.hearing_at) || t("field.none")} ${found.hearing_room ?? ""}`}
        />
        <Fact name={t("field.evidence_until")} value={day(found.evidence_until) || "—"} />
        <Fact name={t("field.parties")} value={String(found.parties)} />
      </dl>
      <h2 className="section">{t("case.tasks")}</h2>
      <TaskTable tasks={found.tasks} />
      <h2 className="section">{t("case.orders")}</h2>
      <div className="card">
        {found.orders.map((order) => (
          <Order key={order.id} order={order} />
        ))}
        {found.orders.length === 0 && <p className="none">{t("case.no_orders")}</p>}
      </div>
      <h2 className="section">{t("hold.section")}</h2>
      <Hold me={me} caseId={caseId} />
    </div>
  );
}

export function Fact({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

export function Order({ order }: { order: OrderRow }) {
  const { t } = useTranslation();
  const words = useWords();
  const told = useTold();
  return (
    <div className="file">
      <div className="grow">
        <b>{order.order_no}</b>{" "}
        <span className="muted">
          {[
            t("order.revision", { n: order.revision }),
            words("said", order.link),
            words("said", order.order_kind),
            dateTime(order.created_at),
          ]
            .filter(Boolean)
            .join(" · ")}
        </span>
        {order.gaps.length > 0 && (
          <ul className="gaps">
            {order.gaps.map((gap) => (
              <li key={`${gap.path} ${gap.said.code}`} title={gap.path}>
                {told(gap.said)}
              </li>
            ))}
          </ul>
        )}
      </div>
      <span className={`tag ${order.gaps.length > 0 ? "amber" : ""}`}>
        {words("said", order.state)}
      </span>
    </div>
  );
}
