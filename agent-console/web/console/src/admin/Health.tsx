// What the house needs, and whether it is there.

import { useQuery } from "@tanstack/react-query";
import { Table } from "antd";
import { useTranslation } from "react-i18next";
import { useWords } from "../i18n/index.ts";
import { get } from "../lib/http.ts";
import { useTold } from "../lib/told.ts";
import type { Health as State } from "../lib/types.ts";
import { Loading } from "../ui/Loading.tsx";
import { Failed } from "../ui/problem.tsx";

const EVERY_MS = 5_000;

const COLOURS: Record<string, string> = { ok: "green", warn: "amber", failed: "red" };

export default function Health() {
  const { t } = useTranslation();
  const words = useWords();
  const told = useTold();
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
  // The house can work, and something waits for somebody to look at it: that is said above too.
  const warns =
    query.data.status === "ok" && query.data.checks?.some((row) => row.status === "warn");
  const state = warns ? "warn" : query.data.status;
  return (
    <div className="page">
      <div className="head">
        <h1>{t("area.health")}</h1>
        <span className={`tag ${COLOURS[state] ?? "red"}`} data-testid="health-state">
          {words("health", state)}
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
              render: (_v, row) => words("health", row.name),
            },
            {
              title: t("users.state"),
              width: 110,
              render: (_v, row) => (
                <span className={`tag ${COLOURS[row.status] ?? ""}`}>
                  {words("health", row.status)}
                </span>
              ),
            },
            { title: t("health.detail"), render: (_v, row) => told(row.said) },
          ]}
        />
      </div>
    </div>
  );
}
