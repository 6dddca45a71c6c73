// 待核查: which file of which case and task is not what it was, until a person says what was
// found out.

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Button } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useWords } from "../../i18n/index.ts";
import { id, post } from "../../lib/http.ts";
import { may } from "../../lib/session.ts";
import { dateTime } from "../../lib/time.ts";
import { useTold } from "../../lib/told.ts";
import type { Doubt, Me } from "../../lib/types.ts";
import { List } from "../../ui/List.tsx";
import { Reason } from "./Reason.tsx";

const PATH = "/evidence/doubts";

export function Doubts({ me }: { me: Me }) {
  const { t } = useTranslation();
  const words = useWords();
  const told = useTold();
  const queries = useQueryClient();
  const [clearing, setClearing] = useState<Doubt | null>(null);
  const clear = useMutation({
    mutationFn: (reason: string) => post(`${PATH}/${id(clearing?.id ?? "")}/clear`, { reason }),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ["list", PATH] });
      setClearing(null);
    },
  });
  return (
    <>
      <p className="muted">{t("evidence.doubts_help")}</p>
      <List<Doubt>
        path={PATH}
        rowKey={(row) => row.id}
        testId="doubt"
        every={60_000}
        empty={t("evidence.no_doubts")}
        columns={[
          {
            title: t("evidence.file"),
            render: (_v, row) => (
              <>
                {words("evidence.kind", row.kind)} {row.name}
                <div className="mono">{row.object_id}</div>
              </>
            ),
          },
          {
            title: t("evidence.case"),
            render: (_v, row) => (
              <>
                {row.case_number || "—"}
                <div className="muted small">{row.task_number}</div>
              </>
            ),
          },
          {
            title: t("evidence.found"),
            render: (_v, row) => (
              <>
                <span className={`tag ${row.cleared_at ? "" : "red"}`}>
                  {words("evidence.verdict", row.verdict)}
                </span>{" "}
                {dateTime(row.found_at)}
                <div className="small">{told(row.said)}</div>
              </>
            ),
          },
          {
            title: t("users.state"),
            width: 280,
            render: (_v, row) =>
              row.cleared_at ? (
                <>
                  {t("evidence.cleared", { who: row.cleared_by, at: dateTime(row.cleared_at) })}
                  <div className="small">{row.reason}</div>
                </>
              ) : (
                <span className="row">
                  <span className="tag red">{t("evidence.doubtful")}</span>
                  <span className="grow" />
                  {may(me, "evidence.clear") && (
                    <Button size="small" data-testid="clear" onClick={() => setClearing(row)}>
                      {t("evidence.clear")}
                    </Button>
                  )}
                </span>
              ),
          },
        ]}
      />
      {clearing && (
        <Reason
          title={t("evidence.clear_title")}
          help={t("evidence.clear_help")}
          confirm={t("evidence.clear")}
          pending={clear.isPending}
          error={clear.error}
          onDone={clear.mutate}
          onClose={() => {
            clear.reset();
            setClearing(null);
          }}
        />
      )}
    </>
  );
}
