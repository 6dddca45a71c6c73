// What agents see of a supervisor in their call: one setting for the court.

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { get, put } from "../lib/http.ts";
import type { CourtSettings } from "../lib/types.ts";
import { Failed } from "../ui/problem.tsx";

const KEY = ["settings"];
const CHOICES = ["spoken", "always"] as const;

export function SupervisionSettings() {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const query = useQuery({
    queryKey: KEY,
    queryFn: () => get<CourtSettings>("/settings"),
    staleTime: 60_000,
  });
  const save = useMutation({
    mutationFn: (supervision_shown: string) =>
      put<CourtSettings>("/settings", { wrap_up: query.data?.wrap_up, supervision_shown }),
    onSuccess: (settings) => queries.setQueryData(KEY, settings),
  });
  if (!query.data) return null;
  const shown = query.data.supervision_shown ?? "spoken";
  return (
    <section className="card wrap-up-settings">
      <h2>{t("supervise.settings")}</h2>
      <form>
        <label>
          <span>{t("supervise.shown")}</span>
          <select
            data-testid="supervision-shown"
            value={shown}
            disabled={save.isPending}
            onChange={(event) => save.mutate(event.target.value)}
          >
            {CHOICES.map((each) => (
              <option key={each} value={each}>
                {t(`supervise.shown.${each}`)}
              </option>
            ))}
          </select>
        </label>
        <p className="muted small">{t("supervise.shown_why")}</p>
        {save.error && <Failed error={save.error} />}
      </form>
    </section>
  );
}
