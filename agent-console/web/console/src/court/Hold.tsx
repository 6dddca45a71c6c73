// The legal hold of a case: while it stands, nothing of the case is deleted.

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Button } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Reason } from "../admin/evidence/Reason.tsx";
import { get, id, Problem, post } from "../lib/http.ts";
import { may } from "../lib/session.ts";
import { dateTime } from "../lib/time.ts";
import type { HoldRow, Me } from "../lib/types.ts";
import { Failed } from "../ui/problem.tsx";

/** The hold stands, and the answer says what it may have come too late for. */
const STANDS = ["hold.removal", "hold.unknown"];

export function Hold({ me, caseId }: { me: Me; caseId: string }) {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const [asking, setAsking] = useState(false);
  const path = `/cases/${id(caseId)}/holds`;
  const query = useQuery({
    queryKey: [path],
    queryFn: () => get<{ items: HoldRow[] }>(path),
  });
  const holds = query.data?.items ?? [];
  const standing = holds.find((hold) => hold.lifted_at === null);
  const [told, setTold] = useState<Problem | null>(null);
  const act = useMutation({
    mutationFn: (reason: string) => post(standing ? `${path}/lift` : path, { reason }),
    onMutate: () => setTold(null),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: [path] });
      setAsking(false);
    },
    onError: async (error) => {
      if (!(error instanceof Problem) || !STANDS.includes(error.code)) return;
      // The same button would lift it now: the words are shown beside the hold instead.
      setTold(error);
      setAsking(false);
      act.reset();
      await queries.invalidateQueries({ queryKey: [path] });
    },
  });
  const word = t(standing ? "hold.lift" : "hold.set");
  return (
    <section className="card" aria-label={t("hold.title")}>
      <div className="row inset">
        <h2 className="grow">
          {t("hold.title")}{" "}
          {(query.data || query.error) && (
            <span className={`tag ${standing ? "amber" : ""}`} data-testid="hold-state">
              {/* What could not be read is not "no hold". */}
              {t(standing ? "hold.on" : query.data ? "hold.off" : "hold.not_read")}
            </span>
          )}
        </h2>
        {may(me, "hold.manage") && query.data && (
          <Button size="small" data-testid="hold" onClick={() => setAsking(true)}>
            {word}
          </Button>
        )}
      </div>
      {query.error ? <Failed error={query.error} onRetry={() => void query.refetch()} /> : null}
      {told && <Failed error={told} />}
      {holds.map((hold) => (
        <div key={hold.id} className="file">
          <div className="grow">
            {hold.reason}
            <div className="muted small">
              {t("hold.was_set", { who: hold.set_by, at: dateTime(hold.set_at) })}
              {hold.lifted_at &&
                ` · ${t("hold.was_lifted", {
                  who: hold.lifted_by,
                  at: dateTime(hold.lifted_at),
                  why: hold.lift_reason,
                })}`}
            </div>
          </div>
        </div>
      ))}
      {query.data && holds.length === 0 && <p className="none">{t("hold.none")}</p>}
      {asking && (
        <Reason
          title={word}
          help={t(standing ? "hold.lift_help" : "hold.set_help")}
          confirm={word}
          pending={act.isPending}
          error={act.error}
          onDone={act.mutate}
          onClose={() => {
            act.reset();
            setAsking(false);
          }}
        />
      )}
    </section>
  );
}
