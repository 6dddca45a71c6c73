// What happened, newest first, immutable: who, when, what.

import { Button } from "antd";
import { useTranslation } from "react-i18next";
import { useTwo, useWords } from "../i18n/index.ts";
import { dateTime } from "../lib/time.ts";
import type { TaskEvent } from "../lib/types.ts";

export function Timeline(props: { events: TaskEvent[]; onCall: (id: string) => void }) {
  const { t } = useTranslation();
  const two = useTwo();
  const words = useWords();
  const newestFirst = [...props.events].sort((a, b) => b.seq - a.seq);
  return (
    <section className="card">
      <h2 className="inset">{t("desk.history")}</h2>
      <ol className="events">
        {newestFirst.map((event) => (
          <li key={event.seq}>
            <span className="small muted">
              <time dateTime={event.at}>{dateTime(event.at)}</time> · {words("said", event.actor)}
            </span>
            <p>
              {two(event.text_zh, event.text_en) || event.kind}{" "}
              {event.call_id && (
                <Button
                  type="link"
                  size="small"
                  onClick={() => event.call_id && props.onCall(event.call_id)}
                >
                  {t("call.listen")}
                </Button>
              )}
            </p>
          </li>
        ))}
      </ol>
      {props.events.length === 0 && <p className="none">{t("desk.no_history")}</p>}
    </section>
  );
}
