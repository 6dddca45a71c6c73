// How long each class is kept, and the form that asks for other periods.

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Button, InputNumber, message } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Problem, post } from "../../lib/http.ts";
import { dateTime } from "../../lib/time.ts";
import type { RetentionPolicy } from "../../lib/types.ts";
import { Failed } from "../../ui/problem.tsx";

export function Periods({ policy, mayAsk }: { policy: RetentionPolicy; mayAsk: boolean }) {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const now = Object.fromEntries(policy.classes.map((each) => [each.code, each.days]));
  const [days, setDays] = useState<Record<string, number> | null>(null);
  const ask = useMutation({
    mutationFn: () => post("/retention/policy", { days }),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ["/retention"] });
      void message.success(t("retention.asked_done"));
      setDays(null);
    },
  });
  const wrong = ask.error instanceof Problem ? ask.error.field : null;
  return (
    <section className="card" aria-label={t("retention.periods")}>
      <div className="row inset">
        <h2 className="grow">{t("retention.periods")}</h2>
        {mayAsk && !days && (
          <Button data-testid="change-periods" onClick={() => setDays(now)}>
            {t("retention.change")}
          </Button>
        )}
      </div>
      <p className="muted inset">
        {policy.version === 0
          ? t("retention.defaults")
          : t("retention.version", {
              n: policy.version,
              asked: policy.asked_by,
              approved: policy.approved_by,
              at: dateTime(policy.valid_from),
            })}
      </p>
      <table className="periods">
        <thead>
          <tr>
            <th scope="col">{t("retention.class")}</th>
            <th scope="col" className="number">
              {t("retention.days")}
            </th>
            <th scope="col" className="number">
              {t("retention.least")}
            </th>
          </tr>
        </thead>
        <tbody>
          {policy.classes.map((each) => (
            <tr key={each.code} data-testid={`class-${each.code}`}>
              <th scope="row">{t(`retention.class.${each.code}`)}</th>
              <td className="number">
                {days ? (
                  <InputNumber
                    size="small"
                    aria-label={t(`retention.class.${each.code}`)}
                    status={wrong === each.code ? "error" : undefined}
                    min={1}
                    max={36_525}
                    precision={0}
                    value={days[each.code] ?? each.days}
                    onChange={(value) =>
                      setDays({ ...days, [each.code]: Number(value ?? each.days) })
                    }
                  />
                ) : (
                  each.days
                )}
              </td>
              <td className="muted number">{each.least_days}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <p className="muted small inset">{t("retention.for_ever")}</p>
      {ask.error ? (
        <Failed error={ask.error} what={wrong ? t(`retention.class.${wrong}`) : undefined} />
      ) : null}
      {days && (
        <div className="row inset">
          <Button
            type="primary"
            data-testid="ask-periods"
            loading={ask.isPending}
            onClick={() => ask.mutate()}
          >
            {t("retention.ask_policy")}
          </Button>
          <Button
            onClick={() => {
              ask.reset();
              setDays(null);
            }}
          >
            {t("evidence.cancel")}
          </Button>
        </div>
      )}
    </section>
  );
}
