// What an agent must do after a call, and in which time: one setting for the court.

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Button } from "antd";
import { type FormEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import { get, put } from "../lib/http.ts";
import type { CourtSettings, WrapUpPolicy } from "../lib/types.ts";
import { Failed } from "../ui/problem.tsx";

const POLICIES: WrapUpPolicy[] = [
  "optional",
  "discretionary",
  "time_boxed",
  "time_boxed_no_early_exit",
];
const SHORTEST_S = 10;
const LONGEST_S = 900;
const KEY = ["settings"];

export function WrapUpSettings() {
  const { t } = useTranslation();
  const query = useQuery({
    queryKey: KEY,
    queryFn: () => get<CourtSettings>("/settings"),
    staleTime: 60_000,
  });
  return (
    <section className="card wrap-up-settings">
      <h2>{t("settings.wrap_up")}</h2>
      {query.error && <Failed error={query.error} onRetry={() => void query.refetch()} />}
      {query.data && <Form kept={query.data.wrap_up} />}
    </section>
  );
}

function Form({ kept }: { kept: CourtSettings["wrap_up"] }) {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const [policy, setPolicy] = useState(kept.policy);
  const [seconds, setSeconds] = useState(String(kept.seconds));
  const save = useMutation({
    mutationFn: (wrap_up: CourtSettings["wrap_up"]) => put<CourtSettings>("/settings", { wrap_up }),
    onSuccess: (settings) => queries.setQueryData(KEY, settings),
  });
  const wanted = { policy, seconds: Number(seconds) };
  const fits =
    Number.isInteger(wanted.seconds) && wanted.seconds >= SHORTEST_S && wanted.seconds <= LONGEST_S;
  const same = wanted.policy === kept.policy && wanted.seconds === kept.seconds;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (fits && !same) save.mutate(wanted);
  };
  return (
    <form onSubmit={submit}>
      <label>
        <span>{t("settings.policy")}</span>
        <select
          data-testid="wrap-up-policy"
          value={policy}
          onChange={(event) => setPolicy(event.target.value as WrapUpPolicy)}
        >
          {POLICIES.map((each) => (
            <option key={each} value={each}>
              {t(`settings.policy.${each}`)}
            </option>
          ))}
        </select>
      </label>
      <label>
        <span>{t("settings.seconds")}</span>
        <input
          data-testid="wrap-up-seconds"
          type="number"
          min={SHORTEST_S}
          max={LONGEST_S}
          value={seconds}
          onChange={(event) => setSeconds(event.target.value)}
        />
      </label>
      <p className="muted small">{t(`settings.why.${policy}`)}</p>
      {save.error && <Failed error={save.error} />}
      <div className="row">
        <Button
          htmlType="submit"
          data-testid="save-settings"
          disabled={!fits || same}
          loading={save.isPending}
        >
          {t("settings.save")}
        </Button>
        <span className="muted small" role="status">
          {!fits && t("settings.between", { from: SHORTEST_S, to: LONGEST_S })}
          {fits && same && save.isSuccess && t("settings.saved")}
        </span>
      </div>
    </form>
  );
}
