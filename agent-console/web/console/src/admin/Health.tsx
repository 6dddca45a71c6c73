// What the house needs, and whether it is there.

import { useQuery } from "@tanstack/react-query";
import { Table } from "antd";
import { useTranslation } from "react-i18next";
import { get } from "../lib/http.ts";
import type { Health as State } from "../lib/types.ts";
import { Loading } from "../ui/Loading.tsx";
import { Failed } from "../ui/problem.tsx";

const EVERY_MS = 5_000;

export default function Health() {
  const { t, i18n } = useTranslation();
  const query = useQuery({
    queryKey: ["health"],
    queryFn: () => get<State>("/health"),
    refetchInterval: EVERY_MS,
  });
  if (query.error && !query.data) {
    return (
      <div className="page">
        <Failed error={query.error} onRetry={() => void query.refetch()} />
      </div>
    );
  }
  if (!query.data) return <Loading />;
  const well = query.data.status === "ok";
  return (
    <div className="page">
      <div className="head">
        <h1>{t("area.health")}</h1>
        <span className={`tag ${well ? "green" : "red"}`}>
          {t(well ? "health.ok" : "health.degraded")}
        </span>
      </div>
      <div className="card list">
        <Table
          size="middle"
          rowKey={(row) => row.name}
          pagination={false}
          dataSource={query.data.checks ?? []}
          columns={[
            {
              title: t("health.check"),
              width: 240,
              render: (_v, row) => {
                const key = `health.${row.name}`;
                return i18n.exists(key) ? t(key) : row.name;
              },
            },
            {
              title: t("users.state"),
              width: 110,
              render: (_v, row) => (
                <span className={`tag ${row.status === "ok" ? "green" : "red"}`}>
                  {row.status === "ok" ? t("health.ok") : row.status}
                </span>
              ),
            },
            {
              title: t("health.detail"),
              render: (_v, row) => String(row.detail ?? ""),
            },
          ]}
        />
      </div>
    </div>
  );
}
