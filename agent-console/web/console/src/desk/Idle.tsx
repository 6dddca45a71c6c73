// No work order on the desk: what is going on, and the one thing to do about it.

import { Button } from "antd";
import { useTranslation } from "react-i18next";
import { shortTime } from "../lib/time.ts";
import type { SavedOutcome } from "../lib/types.ts";
import { Saved } from "./Saved.tsx";
import type { Desk } from "./useDesk.ts";

export function Idle({ desk, saved }: { desk: Desk; saved: SavedOutcome | null }) {
  const { t } = useTranslation();
  const { agent, queue, known } = desk.state;
  const away = agent.state === "paused" || agent.state === "offline";
  const empty = agent.state === "ready" && queue.ready === 0;
  const title = !known
    ? "idle.connecting"
    : away
      ? "idle.away"
      : empty
        ? "idle.empty"
        : "idle.wait";
  return (
    <>
      {saved && <Saved saved={saved} />}
      <section className="card empty" data-testid={empty ? "empty-queue" : "idle"}>
        <b>{t(title)}</b>
        <p className="muted">{t(`${title}_why`)}</p>
        {known && (
          <p className="counts">
            {t("idle.ready")} <strong>{queue.ready}</strong>
            <span className="sep" />
            {t("idle.later")} <strong>{queue.later}</strong>
            {queue.next_at && (
              <>
                <span className="sep" />
                {t("idle.next_at", { at: shortTime(queue.next_at) })}
              </>
            )}
          </p>
        )}
        {known && away && (
          <Button
            data-testid="ready"
            autoFocus
            type="primary"
            size="large"
            disabled={desk.line !== "open"}
            onClick={desk.ready}
          >
            {t("idle.go_ready")}
          </Button>
        )}
      </section>
    </>
  );
}
