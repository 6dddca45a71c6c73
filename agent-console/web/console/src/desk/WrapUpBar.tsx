// The time after a call, as a countdown and not as a surprise: how long, what happens then,
// one more minute, or the outcome later.

import { Button } from "antd";
import { useTranslation } from "react-i18next";
import { clock } from "../lib/time.ts";
import type { CallState } from "../lib/types.ts";
import { useNow } from "../ui/useNow.ts";
import type { Desk } from "./useDesk.ts";

export function WrapUpBar({ desk, call }: { desk: Desk; call: CallState }) {
  const { t } = useTranslation();
  const { wrap_up: wrapUp } = call;
  const now = useNow(wrapUp !== null) + desk.state.offset;
  if (!wrapUp) return null;
  const left = wrapUp.until_at ? Date.parse(wrapUp.until_at) - now : null;
  const mayLeave = !call.outcome_saved && wrapUp.policy !== "time_boxed_no_early_exit";
  const words = call.outcome_saved ? "saved" : wrapUp.policy;
  const short = left !== null && left < 15_000;
  return (
    <div className={`wrap-up ${short ? "amber" : ""}`} data-testid="wrap-up">
      <span className="grow">
        {t(`wrap_up.${words}`)}{" "}
        {left !== null && (
          <b role="timer" aria-live="off">
            {clock(left)}
          </b>
        )}
      </span>
      {left !== null && !wrapUp.extended && !call.outcome_saved && (
        <Button size="small" data-testid="extend" onClick={() => desk.extend(call.call_id)}>
          {t("wrap_up.extend")}
        </Button>
      )}
      {mayLeave && (
        <Button
          size="small"
          data-testid="later"
          title={t("wrap_up.later_why")}
          onClick={() => desk.later(call.call_id)}
        >
          {t("wrap_up.later")}
        </Button>
      )}
    </div>
  );
}
