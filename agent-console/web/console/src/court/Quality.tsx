// How well each leg was heard over the whole call, beside its recording: the score, and the share of
// the sound that did not come in time.

import { useTranslation } from "react-i18next";
import { dateTimeSeconds } from "../lib/time.ts";
import type { CallRow } from "../lib/types.ts";

const LEGS = ["agent", "party", "target", "supervisor"] as const;
type Leg = NonNullable<NonNullable<CallRow["quality"]>["agent"]>;

/** Share of the packets that never came, or too late to be heard. */
export function missed({ received, lost, late }: Pick<Leg, "received" | "lost" | "late">): number {
  return received + lost > 0 ? (lost + late) / (received + lost) : 0;
}

export function Quality({ quality }: { quality: CallRow["quality"] | undefined }) {
  const { t } = useTranslation();
  if (!quality) return null;
  const told = (leg: Leg | null | undefined, name: string) => {
    if (leg?.mos == null) return [];
    const loss = (missed(leg) * 100).toFixed(1);
    return [t("quality.leg", { leg: name, mos: leg.mos.toFixed(1), loss })];
  };
  // Who handed the call over is somebody else than who has it now.
  const before = quality.agents_before.flatMap((leg, at) =>
    told(leg, t("quality.before", { n: at + 1 })),
  );
  const legs = [...before, ...LEGS.flatMap((of) => told(quality[of], t(`signal.short.${of}`)))];
  if (legs.length === 0) return null;
  if (quality.until_at) legs.push(t("quality.until", { at: dateTimeSeconds(quality.until_at) }));
  return (
    <p className="muted small" data-testid="quality" title={t("quality.help")}>
      {legs.join(" · ")}
    </p>
  );
}
