// Every call of the task: what the line said, who spoke, what was agreed; a click opens its
// recording above.

import { Button } from "antd";
import { Fragment } from "react";
import { useTranslation } from "react-i18next";
import { useTwo, useWords } from "../i18n/index.ts";
import { clock, dateTime } from "../lib/time.ts";
import type { Attempt, CallRow, Doubt, OutcomeTable } from "../lib/types.ts";
import { DoubtTag } from "./Doubts.tsx";

const LEGS = ["party", "agent", "target", "supervisor"] as const;

interface CallsProps {
  calls: CallRow[];
  attempts: Attempt[];
  table: OutcomeTable | null;
  doubts?: Doubt[];
  current: string | null;
  onChoose: (id: string) => void;
}

export function Calls({ calls, attempts, table, doubts = [], current, onChoose }: CallsProps) {
  const { t } = useTranslation();
  const words = useWords();
  const two = useTwo();
  const word = (list: { code: string; zh: string; en: string }[] | undefined, code: string) => {
    const found = list?.find((item) => item.code === code);
    return found ? two(found.zh, found.en) : code;
  };
  const networkWords = (network: CallRow["network"]) =>
    network &&
    t("call.network", {
      rtt: Math.round(network.rtt_ms ?? 0),
      loss: ((network.loss ?? 0) * 100).toFixed(1),
      bad: network.impaired,
      all: network.samples,
    });
  const soundWords = (sound: CallRow["quality"]) => {
    const leg = (of: (typeof LEGS)[number]) => {
      const mos = sound?.[of]?.mos;
      return mos == null ? null : `${t(`signal.short.${of}`)} ${mos.toFixed(1)}`;
    };
    const legs = LEGS.map(leg).filter(Boolean);
    return legs.length > 0 && t("call.sound", { legs: legs.join(" / ") });
  };
  if (calls.length === 0) return null;
  return (
    <section className="card">
      <h2 className="inset">{t("call.all", { n: calls.length })}</h2>
      {calls.map((call) => {
        const attempt = attempts.find((each) => each.call_id === call.id);
        const outcome = attempt ?? call.outcome;
        return (
          <div key={call.id} className={`file ${call.id === current ? "chosen" : ""}`}>
            <div className="grow">
              <b>{dateTime(call.at)}</b> {words("said", call.phone_masked)}{" "}
              <span className="tag">
                {call.technical
                  ? `${two(call.technical.zh, call.technical.en)} ${call.technical.code}`
                  : t("call.live")}
              </span>{" "}
              <CallTags call={call} />{" "}
              <DoubtTag doubts={doubts} is={(doubt) => doubt.call_id === call.id} />
              {!call.is_attempt && call.technical && (
                <span className="tag amber">{t("outcome.no_attempt")}</span>
              )}
              <div className="muted small">
                {[
                  attempt && t("call.attempt", { n: attempt.no }),
                  call.talk_ms ? t("call.talk", { time: clock(call.talk_ms) }) : null,
                  outcome?.contact && word(table?.contacts, outcome.contact),
                  outcome?.business && word(table?.businesses, outcome.business),
                  outcome?.heard_all && t("outcome.heard_all"),
                  call.agent,
                  t(call.direction === "in" ? "call.came_in" : "call.from", {
                    number: call.caller,
                  }),
                  soundWords(call.quality),
                  networkWords(call.network),
                ]
                  .filter(Boolean)
                  .join(" · ")}
              </div>
              {attempt && attempt.fields.length > 0 && (
                <div className="small" data-testid="attempt-fields">
                  {attempt.fields
                    .map((field) => {
                      const label = two(field.label_zh, field.label_en);
                      return `${label} ${two(field.text_zh, field.text_en)}`;
                    })
                    .join(" · ")}
                </div>
              )}
              {attempt?.note && <div className="small">{attempt.note}</div>}
            </div>
            <Button
              size="small"
              aria-pressed={call.id === current}
              onClick={() => onChoose(call.id)}
            >
              {t(call.recording ? "call.listen" : "call.show")}
            </Button>
          </div>
        );
      })}
    </section>
  );
}

/** What was out of the ordinary. */
function CallTags({ call }: { call: CallRow }) {
  const { t } = useTranslation();
  const two = useTwo();
  const tags = [
    call.outcome_state === "owed" && t("call.owed"),
    call.unsealed && t("call.unsealed"),
    call.end_reason && t("call.politely", { why: two(call.end_reason.zh, call.end_reason.en) }),
    call.parting === "apology" && t("call.apology"),
    call.parting === "recording_failed" && t("call.recording_failed"),
    call.broken_consent && t("call.broken_consent"),
    call.resumed_from && t("call.resumed"),
  ].filter((tag): tag is string => typeof tag === "string");
  return tags.map((tag) => (
    <Fragment key={tag}>
      <span className="tag amber">{tag}</span>{" "}
    </Fragment>
  ));
}
