// How well each leg of a live call is heard: bars as on a telephone, their word for whoever
// cannot see them, the figures on demand.

import { useTranslation } from "react-i18next";
import type { CallQuality, LegQuality } from "../lib/types.ts";
import "./signal.css";

export type Strength = "good" | "fair" | "poor" | "bad";

const BARS: Record<Strength, number> = { good: 4, fair: 3, poor: 2, bad: 1 };

/** The classes of ITU-T G.107, annex B: satisfied, some are not, many are not, nearly all. */
export function strength(mos: number): Strength {
  if (mos >= 4.03) return "good";
  if (mos >= 3.6) return "fair";
  return mos >= 3.1 ? "poor" : "bad";
}

/** Every leg, as far as anything is known of it. */
export function Signals({ quality }: { quality: CallQuality | null | undefined }) {
  if (!quality) return null;
  return (
    <span className="signals" data-testid="signals">
      {quality.party && <Signal of="party" leg={quality.party} />}
      {quality.agent && <Signal of="agent" leg={quality.agent} />}
      {quality.target && <Signal of="target" leg={quality.target} />}
      {quality.supervisor && <Signal of="supervisor" leg={quality.supervisor} />}
    </span>
  );
}

type Leg = keyof CallQuality;

function Signal({ of, leg }: { of: Leg; leg: LegQuality }) {
  const { t } = useTranslation();
  const level = strength(leg.mos);
  const words = t(`signal.${of}`, { word: t(`signal.${level}`) });
  const figures = t("signal.figures", {
    mos: leg.mos.toFixed(1),
    loss: (leg.loss * 100).toFixed(1),
    jitter: Math.round(leg.jitter_ms),
  });
  const way = leg.rtt_ms == null ? "" : t("signal.rtt", { rtt: Math.round(leg.rtt_ms) });
  return (
    <span
      className={`signal ${level}`}
      role="img"
      aria-label={words}
      title={`${words}\n${figures}${way}`}
      data-testid={`signal-${of}`}
      data-level={level}
    >
      {[1, 2, 3, 4].map((bar) => (
        <i key={bar} className={bar <= BARS[level] ? "on" : ""} />
      ))}
      <span className="of" aria-hidden="true">
        {t(`signal.short.${of}`)}
      </span>
    </span>
  );
}
