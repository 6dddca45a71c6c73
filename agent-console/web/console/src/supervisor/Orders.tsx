// Orders that came in incomplete, each with the list of what is missing.

import { useTranslation } from "react-i18next";
import { useWords } from "../i18n/index.ts";
import { dateTime } from "../lib/time.ts";
import { useTold } from "../lib/told.ts";
import type { OrderRow } from "../lib/types.ts";
import { List } from "../ui/List.tsx";

const TO_FIX = "待补正";

export default function Orders() {
  const { t } = useTranslation();
  const words = useWords();
  const told = useTold();
  return (
    <div className="page">
      <div className="head">
        <h1>{t("area.orders")}</h1>
        <span className="muted">{t("orders.why")}</span>
      </div>
      <List<OrderRow>
        path={`/orders?state=${encodeURIComponent(TO_FIX)}`}
        rowKey={(row) => row.id}
        testId="order-row"
        empty={t("orders.none")}
        columns={[
          {
            title: t("field.order_no"),
            width: 190,
            render: (_v, row) => (
              <>
                <b>{row.order_no}</b>
                <div className="muted small">
                  {t("order.revision", { n: row.revision })} · {row.source}
                </div>
              </>
            ),
          },
          {
            title: t("field.order_kind"),
            width: 160,
            render: (_v, row) => words("said", row.order_kind) || "—",
          },
          {
            title: t("orders.gaps"),
            render: (_v, row) => (
              <ul className="gaps">
                {row.gaps.map((gap) => (
                  <li key={`${gap.path} ${gap.said.code}`} title={gap.path}>
                    {told(gap.said)}
                  </li>
                ))}
              </ul>
            ),
          },
          {
            title: t("field.received"),
            width: 150,
            render: (_v, row) => dateTime(row.created_at),
          },
        ]}
      />
    </div>
  );
}
