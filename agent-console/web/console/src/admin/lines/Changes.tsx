// Changes that wait: what each would set, and the second person's word.

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Button, Input } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { id, post } from "../../lib/http.ts";
import { dateTime } from "../../lib/time.ts";
import type { NumberRow, TelephonyChange, TrunkRow } from "../../lib/types.ts";
import { FileButton, FileNews, useFile } from "../../ui/FileButton.tsx";
import { Failed } from "../../ui/problem.tsx";
import { differences } from "./difference.ts";
import { CHANGES, numberForm, TELEPHONY, trunkForm } from "./forms.ts";
import { useLineWords } from "./words.ts";

export function Changes(props: {
  changes: TelephonyChange[];
  trunks: TrunkRow[];
  numbers: NumberRow[];
}) {
  const { t } = useTranslation();
  const names = new Map(props.trunks.map((trunk) => [trunk.id, trunk.name]));
  const waiting = props.changes.filter((change) => change.state === "waiting");
  if (waiting.length === 0) return null;
  return (
    <section className="card changes" aria-label={t("lines.changes")}>
      <h2>{t("lines.changes")}</h2>
      {waiting.map((change) => (
        <Change key={change.id} change={change} now={standing(change, props)} names={names} />
      ))}
    </section>
  );
}

/** What the change would replace. */
function standing(
  change: TelephonyChange,
  { trunks, numbers }: { trunks: TrunkRow[]; numbers: NumberRow[] },
): { name: string; fields: object | null } {
  const trunk = trunks.find((row) => row.id === change.object_id);
  const number = numbers.find((row) => row.id === change.object_id);
  const wanted = change.to as { name?: string; number?: string };
  if (change.kind === "trunk") {
    return { name: trunk?.name ?? wanted.name ?? "", fields: trunk ? trunkForm(trunk) : null };
  }
  if (change.kind === "number") {
    return {
      name: number?.number ?? wanted.number ?? "",
      fields: number ? numberForm(number) : null,
    };
  }
  return { name: trunk?.name ?? "", fields: null };
}

function Change({
  change,
  now,
  names,
}: {
  change: TelephonyChange;
  now: { name: string; fields: object | null };
  names: Map<string, string>;
}) {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const words = useLineWords();
  const file = useFile();
  const [reason, setReason] = useState("");
  const decide = useMutation({
    mutationFn: (approve: boolean) =>
      post(`${CHANGES}/${id(change.id)}/decision`, { approve, reason: approve ? "" : reason }),
    onSuccess: () => queries.invalidateQueries({ queryKey: TELEPHONY }),
  });
  const lines = differences(
    now.fields as Record<string, unknown> | null,
    change.to as Record<string, unknown>,
  );
  return (
    <article className="change" data-testid="change">
      <p className="row">
        <b>{t(`lines.change.${change.kind}${change.is_new ? ".new" : ""}`, { name: now.name })}</b>
        <span className="muted small grow">
          {t("lines.asked", { name: change.asked_by_name, at: dateTime(change.asked_at) })}
        </span>
      </p>
      <table className="difference">
        <caption className="unseen">{t("lines.would_set")}</caption>
        <tbody>
          {lines.map((line) => (
            <tr key={line.field}>
              <th scope="row">{words.field(line.field)}</th>
              <td className="from">{words.value(line.field, line.from, names)}</td>
              <td aria-hidden="true">→</td>
              <td>{words.value(line.field, line.to, names)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {change.kind === "number" && (
        <p className="proof">
          {change.proof ? (
            <FileButton
              file={file}
              path={`${CHANGES}/${id(change.id)}/proof`}
              name={`proof-${change.id}`}
              how="open"
              type="link"
              size="small"
              testId="change-proof"
            >
              {t("lines.proof_open")}
            </FileButton>
          ) : (
            <span className="tag amber">{t("lines.proof_missing")}</span>
          )}
        </p>
      )}
      <FileNews file={file} />
      {decide.error && <Failed error={decide.error} />}
      {change.own ? (
        <div className="row">
          <span className="muted grow">{t("lines.other_person")}</span>
          <Button loading={decide.isPending} onClick={() => decide.mutate(false)}>
            {t("lines.withdraw")}
          </Button>
        </div>
      ) : (
        <div className="row">
          <Input
            className="grow"
            aria-label={t("lines.reason")}
            placeholder={t("lines.reason")}
            maxLength={200}
            value={reason}
            onChange={(event) => setReason(event.target.value)}
          />
          <Button
            disabled={!reason.trim()}
            loading={decide.isPending}
            onClick={() => decide.mutate(false)}
          >
            {t("lines.refuse")}
          </Button>
          <Button
            type="primary"
            data-testid="approve"
            loading={decide.isPending}
            onClick={() => decide.mutate(true)}
          >
            {t("lines.approve")}
          </Button>
        </div>
      )}
    </article>
  );
}
