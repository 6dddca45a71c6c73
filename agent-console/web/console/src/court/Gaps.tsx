// What a recording does not hold, said in one line for each cause, and listed: where it lies, in whose
// channel, how long it is. Each place can be heard.

import { Button } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { clock } from "../lib/time.ts";
import type { RecordingVerdict } from "../lib/types.ts";

type Gap = RecordingVerdict["gaps"][number];

/** So many stand there before somebody asks for the rest. */
const FIRST = 12;

/** What the other end never sent is no loss, and a cut no silence: both count apart. */
export function Gaps(props: { gaps: Gap[]; known: boolean; onSeek: (ms: number) => void }) {
  const { t } = useTranslation();
  const [whole, setWhole] = useState(false);
  const gaps = [...props.gaps].sort((a, b) => a.from_ms - b.from_ms);
  const lost = gaps.filter((gap) => gap.kind !== "unsent" && gap.kind !== "cut");
  const count = (kind: string) => gaps.filter((gap) => gap.kind === kind).length;
  const [unsent, cuts] = [count("unsent"), count("cut")];
  const shown = whole ? gaps : gaps.slice(0, FIRST);
  return (
    <>
      {!props.known && <p className="muted small">{t("recording.gaps_unknown")}</p>}
      {lost.length > 0 && (
        <p className="muted small" data-testid="gaps-lost">
          {t("recording.gaps", { n: lost.length })}
          {lost.some((gap) => gap.kind === "unlisted") && t("recording.gaps_more")}
        </p>
      )}
      {cuts > 0 && (
        <p className="muted small" data-testid="gaps-cut">
          {t("recording.gaps_cut", { n: cuts })}
        </p>
      )}
      {unsent > 0 && (
        <p className="muted small" data-testid="gaps-unsent">
          {t("recording.gaps_unsent", { n: unsent })}
        </p>
      )}
      {gaps.length > 0 && (
        <dl className="marks">
          <dt>{t("recording.gaps_title")}</dt>
          <dd data-testid="gaps">
            {shown.map((gap) => (
              <Button
                key={`${gap.channel} ${gap.from_ms} ${gap.kind}`}
                size="small"
                className={`gap-${gap.kind}`}
                title={t("transcript.seek")}
                onClick={() => props.onSeek(gap.from_ms)}
              >
                {t(gap.channel === "left" ? "speaker.agent" : "speaker.party")}{" "}
                {t(`recording.gap.${gap.kind}`)}
                <span className="muted">{place(gap)}</span>
              </Button>
            ))}
            {gaps.length > shown.length && (
              <Button
                size="small"
                type="link"
                data-testid="gaps-all"
                onClick={() => setWhole(true)}
              >
                {t("recording.gaps_rest", { n: gaps.length - shown.length })}
              </Button>
            )}
          </dd>
        </dl>
      )}
    </>
  );
}

/** `01:02 · 5.4 s`; a cut has no length. */
function place({ from_ms, to_ms }: Gap): string {
  if (to_ms <= from_ms) return clock(from_ms);
  return `${clock(from_ms)} · ${((to_ms - from_ms) / 1000).toFixed(1)} s`;
}
