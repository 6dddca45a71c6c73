// What stands beside the sound: which steps of the script were said and where, and what
// happened to the line. Each place can be heard.

import { Button } from "antd";
import { useTranslation } from "react-i18next";
import { useTwo, useWords } from "../i18n/index.ts";
import { clock, dateTimeSeconds, shortTime } from "../lib/time.ts";
import type { CallRow } from "../lib/types.ts";

type Mark = CallRow["marks"][number];

interface MarksProps {
  call: CallRow;
  onSeek: ((ms: number) => void) | null;
}

export function Marks({ call, onSeek }: MarksProps) {
  const { t } = useTranslation();
  const two = useTwo();
  const words = useWords();
  const lines = call.marks.length + call.ticks.length + call.transfers.length;
  if (lines === 0) return null;
  const place = (mark: Mark) =>
    mark.to_ms > mark.from_ms ? `${clock(mark.from_ms)}–${clock(mark.to_ms)}` : clock(mark.from_ms);
  return (
    <dl className="marks">
      {call.ticks.length > 0 && (
        <>
          <dt>{t("marks.script", { script: call.script })}</dt>
          <dd data-testid="ticks">
            {call.ticks.map((tick) => {
              const { offset_ms } = tick;
              return (
                <Button
                  key={tick.step}
                  size="small"
                  disabled={offset_ms === null || !onSeek}
                  title={t(offset_ms === null ? "desk.tick_late" : "transcript.seek")}
                  onClick={() => offset_ms !== null && onSeek?.(offset_ms)}
                >
                  {two(tick.title_zh, tick.title_en)}
                  <span className="muted">
                    {offset_ms === null ? t("desk.tick_late") : clock(offset_ms)}
                  </span>
                </Button>
              );
            })}
          </dd>
        </>
      )}
      {call.transfers.length > 0 && (
        <>
          <dt>{t("transfer.title")}</dt>
          <dd data-testid="transfers">
            {call.transfers.map((each) => (
              <Transferred
                key={`${each.at} ${each.to} ${each.state}`}
                transfer={each}
                onSeek={onSeek}
              />
            ))}
          </dd>
        </>
      )}
      {call.marks.length > 0 && (
        <>
          <dt>{t("marks.title")}</dt>
          <dd data-testid="marks">
            {call.marks.map((mark) => (
              <Button
                key={`${mark.kind} ${mark.from_ms}`}
                size="small"
                className={mark.kind}
                disabled={!onSeek}
                title={t("transcript.seek")}
                onClick={() => onSeek?.(mark.from_ms)}
              >
                {[words("mark", mark.kind), mark.text && words("mark", mark.text)]
                  .filter(Boolean)
                  .join(" ")}
                <span className="muted">{place(mark)}</span>
              </Button>
            ))}
          </dd>
        </>
      )}
    </dl>
  );
}

/** Marks that last, on the picture of the sound. */
export const lasting = (marks: Mark[]) => marks.filter((mark) => mark.to_ms > mark.from_ms);

/** Who handed the call to whom, when, and what came of it. */
function Transferred({
  transfer,
  onSeek,
}: {
  transfer: CallRow["transfers"][number];
  onSeek: MarksProps["onSeek"];
}) {
  const { t } = useTranslation();
  const { state, mode, kind, from, to, reason, at, offset_ms: place } = transfer;
  const failed = state === "failed";
  const three = state === "joined" || state === "left";
  const row = failed ? "failed" : three ? "three_way" : "done";
  const words = t(`transfer.row.${row}`, { from, to });
  const how = failed ? t(`transfer.why.${reason}`) : t(`mark.${mode}`);
  return (
    <Button
      size="small"
      disabled={place === null || !onSeek}
      title={dateTimeSeconds(transfer.settled_at ?? at)}
      onClick={() => place !== null && onSeek?.(place)}
    >
      {words} {t("transfer.row.how", { how, kind: t(`transfer.kind.${kind}`) })}
      <span className="muted">{place === null ? shortTime(at) : clock(place)}</span>
    </Button>
  );
}
