// What the line seems to say of the number, or of who answered: a suggestion with its evidence in
// words, which the agent confirms or refuses. Agents hear the call itself; the sound of the span is
// the judge's to play.

import { Button } from "antd";
import { useTranslation } from "react-i18next";
import { useTwo, useWords } from "../i18n/index.ts";
import { clock } from "../lib/time.ts";
import type { CallState } from "../lib/types.ts";

interface LineSaysProps {
  call: CallState | null;
  onJudge: (callId: string, confirmed: boolean) => void;
}

/** Whether the agent is asked about it now. */
export function isAsked(call: CallState | null): boolean {
  const heard = call?.heard;
  return !!heard?.code && !call?.outcome_saved && heard.state === "suggested";
}

export function LineSays({ call, onJudge }: LineSaysProps) {
  const { t } = useTranslation();
  const words = useWords();
  const two = useTwo();
  const heard = call?.heard;
  if (!call || !heard) return null;
  const { code, state } = heard;
  const machine = code?.code === "C10";
  const open = !call.outcome_saved;
  return (
    <div
      className={`line-says ${machine ? "machine" : ""}`}
      data-testid="line-says"
      data-class={heard.class}
      data-state={state}
    >
      <p role="status">
        {t(heard.place === "early" ? "heard.early" : "heard.answered")}
        <b>{words("heard.class", heard.class)}</b>{" "}
        <span className="muted">
          {t("heard.sure", { confidence: heard.confidence })} {clock(heard.from_ms)}–
          {clock(heard.to_ms)}
        </span>
        {heard.text && <q>{heard.text}</q>}
        {heard.test_model && <span className="muted small"> {t("heard.test_model")}</span>}
      </p>
      {machine && state !== "rejected" && <p className="small">{t("heard.machine")}</p>}
      {heard.conflict && <p className="small">{t("heard.conflict")}</p>}
      {code && (
        <p className="row">
          {state === "suggested" && open ? (
            <>
              <Button
                size="small"
                data-testid="line-confirm"
                title="Alt Y"
                onClick={() => onJudge(call.call_id, true)}
              >
                {t("heard.confirm", { code: two(code.zh, code.en) })} <kbd>Alt Y</kbd>
              </Button>
              <Button
                size="small"
                data-testid="line-reject"
                title="Alt N"
                onClick={() => onJudge(call.call_id, false)}
              >
                {t("heard.reject")} <kbd>Alt N</kbd>
              </Button>
            </>
          ) : (
            <>
              <span className="muted" data-testid="line-judged">
                {t(`heard.state.${state}`, { code: two(code.zh, code.en) })}
              </span>
              {open && state !== "suggested" && (
                <Button
                  size="small"
                  type="link"
                  data-testid="line-undo"
                  onClick={() => onJudge(call.call_id, state !== "confirmed")}
                >
                  {t(state === "confirmed" ? "heard.reject" : "heard.after_all")}
                </Button>
              )}
            </>
          )}
        </p>
      )}
    </div>
  );
}
