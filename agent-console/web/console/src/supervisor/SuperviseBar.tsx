// While a supervisor is in a call: in whose, as what, since when, who hears him, and the way out.

import { Button } from "antd";
import { useTranslation } from "react-i18next";
import { clock } from "../lib/time.ts";
import { useNow } from "../ui/useNow.ts";
import type { Watching } from "./supervise.ts";
import type { Supervise } from "./useSupervise.ts";

export const WATCHINGS: Watching[] = ["listen", "whisper", "barge"];
const LETTERS: Record<Watching, string> = { listen: "L", whisper: "W", barge: "B" };

export function SuperviseBar({ supervise }: { supervise: Supervise }) {
  const { t } = useTranslation();
  const { place, go, leave } = supervise;
  const now = useNow(place !== null);
  if (!place) return null;
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
        <b>{t(`supervise.${shown}_in`, { name: place.agent })}</b>
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
          onClick={() => what !== place.what && go(place.call_id, place.agent, what)}
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
