// 待补录: calls whose outcome waits. Each is filled in by the same form as after a call.

import { Button } from "antd";
import { useTranslation } from "react-i18next";
import { useTwo, useWords } from "../i18n/index.ts";
import { clock, shortTime } from "../lib/time.ts";
import type { OwedCall } from "../lib/types.ts";

interface OwedProps {
  calls: OwedCall[];
  open: string | null;
  onOpen: (call: OwedCall) => void;
}

export function Owed({ calls, open, onOpen }: OwedProps) {
  const { t } = useTranslation();
  const words = useWords();
  const two = useTwo();
  if (calls.length === 0) return null;
  return (
    <section className="card owed" aria-labelledby="owed-title" data-testid="owed">
      <div className="row">
        <h2 id="owed-title" className="grow">
          {t("owed.title")}
        </h2>
        <span className="tag amber">{t("owed.count", { n: calls.length })}</span>
      </div>
      <p className="muted">{t("owed.why")}</p>
      <ul>
        {calls.map((call) => (
          <li key={call.call_id} className={open === call.call_id ? "on" : ""}>
            <span className="grow clip">
              <b>{call.recipient}</b> {words("said", call.phone_masked)}
              <br />
              <span className="muted small">
                {call.case_number} · {shortTime(call.ended_at)} ·{" "}
                {two(call.technical.zh, call.technical.en)} {clock(call.talk_ms)}
              </span>
            </span>
            <Button data-testid={`owed-${call.call_id}`} onClick={() => onOpen(call)}>
              {t("owed.fill")}
            </Button>
          </li>
        ))}
      </ul>
    </section>
  );
}
