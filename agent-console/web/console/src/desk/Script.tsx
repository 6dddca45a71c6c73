// The middle: what to say, step by step. A tick is the agent's word, kept with its place in
// the recording; the recording proves it. Steps which must be said are marked.

import { useTranslation } from "react-i18next";
import { useTwo } from "../i18n/index.ts";
import { clock } from "../lib/time.ts";
import type { CallState, WorkOrder } from "../lib/types.ts";
import { fillScript, scriptValues } from "./script.ts";
import { isLive, wasAnswered } from "./state.ts";

interface ScriptProps {
  order: WorkOrder;
  call: CallState | null;
  onTick: (step: string, on: boolean) => void;
}

export function Script({ order, call, onTick }: ScriptProps) {
  const { t } = useTranslation();
  const two = useTwo();
  const said = new Map((call?.ticks ?? []).map((tick) => [tick.step, tick]));
  const values = scriptValues(order);
  const now = nextStep(order, said)?.id;
  const must = order.script.filter((step) => step.must);
  const left = must.filter((step) => !said.has(step.id)).length;
  const before = new Set((order.resumed_from?.ticks ?? []).map((tick) => tick.step));
  // Who forgot a tick may still set it after the call; it has no place in the recording then.
  // What the party cannot hear was not said.
  const heard = !isLive(call) || (call?.phase === "talking" && !call.held && !call.parting);
  const open = wasAnswered(call) && call?.outcome_saved === false && heard;

  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a long script scrolls, and keys must reach that
    <section className="script" tabIndex={0} aria-label={t("desk.script")}>
      <div className="row head">
        <h2 className="grow">{t("desk.script")}</h2>
        <span className="muted small">
          {t("desk.tick")} <kbd>Alt T</kbd>
        </span>
        <span className={`tag ${left === 0 ? "green" : "amber"}`} data-testid="ticks-left">
          {left === 0 ? t("desk.script_done") : t("desk.script_left", { n: left })}
        </span>
      </div>
      {order.resumed_from && (
        <p className="next" data-testid="resumed-from">
          {t("desk.resumed_from", { n: before.size })}
        </p>
      )}
      <ol>
        {order.script.map((step, n) => {
          const tick = said.get(step.id);
          return (
            <li key={step.id} className={tick ? "done" : step.id === now ? "now" : ""}>
              <label>
                <input
                  type="checkbox"
                  data-testid={`tick-${step.id}`}
                  checked={tick !== undefined}
                  disabled={!open}
                  onChange={(event) => onTick(step.id, event.target.checked)}
                />
                <span className="title grow">
                  {n + 1} {two(step.title_zh, step.title_en)}
                  {step.must && <span className="must">{t("desk.must")}</span>}
                </span>
                {tick && (
                  <span className="muted small">
                    {tick.offset_ms === null
                      ? t("desk.tick_late")
                      : t("desk.tick_at", { at: clock(tick.offset_ms) })}
                  </span>
                )}
                {!tick && before.has(step.id) && (
                  <span className="tag blue">{t("desk.said_before")}</span>
                )}
              </label>
              <p lang="zh-CN">{fillScript(step.text_zh, values)}</p>
            </li>
          );
        })}
      </ol>
      {!open && !call?.end && !call?.parting && (
        <p className="muted small">{t(call?.held ? "desk.tick_held" : "desk.tick_when")}</p>
      )}
    </section>
  );
}

/** The first step that was not said yet. */
export function nextStep(order: WorkOrder, said: ReadonlyMap<string, unknown>) {
  return order.script.find((step) => !said.has(step.id));
}
