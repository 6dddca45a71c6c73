// While a supervisor is in a call: in whose, as what, since when, who hears him, and the way out.

import { Button } from "antd";
import { useTranslation } from "react-i18next";
import { clock } from "../lib/time.ts";
import type { Overview } from "../lib/types.ts";
import { useNow } from "../ui/useNow.ts";
import type { Watching } from "./supervise.ts";
import type { Supervise } from "./useSupervise.ts";

export const WATCHINGS: Watching[] = ["listen", "whisper", "barge"];
const LETTERS: Record<Watching, string> = { listen: "L", whisper: "W", barge: "B" };

interface Props {
  supervise: Supervise;
  /** The floor as it is now: a call that was handed over is another agent's. */
  agents: Overview["agents"];
}

export function SuperviseBar({ supervise, agents }: Props) {
  const { t } = useTranslation();
  const { place, go, leave } = supervise;
  const now = useNow(place !== null);
  if (!place) return null;
  const whose = agents.find((agent) => agent.call?.call_id === place.call_id);
  const name = whose?.name ?? place.agent;
  const shown = place.on ?? place.what;
  return (
    <section
      className={`card supervise ${shown}`}
      data-testid="supervise-bar"
      data-on={place.on ?? "no"}
    >
      <span className="clock" role="timer" aria-live="off">
        {place.since === null ? "--:--" : clock(now - place.since)}
      </span>
      <div className="grow" role="status">
        <b>{t(`supervise.${shown}_in`, { name })}</b>
        <div className="muted small">
          {t(place.on === null ? "supervise.connecting" : `supervise.${shown}_why`)}
        </div>
      </div>
      {WATCHINGS.map((what) => (
        <Button
          key={what}
          data-testid={`supervise-${what}`}
          type={what === shown ? "primary" : "default"}
          aria-pressed={what === shown}
          onClick={() => what !== place.what && go(place.call_id, name, what)}
        >
          {t(`supervise.${what}`)} <kbd>Alt {LETTERS[what]}</kbd>
        </Button>
      ))}
      <Button data-testid="supervise-leave" type="primary" danger size="large" onClick={leave}>
        {t("supervise.leave")} <kbd>Alt E</kbd>
      </Button>
    </section>
  );
}
