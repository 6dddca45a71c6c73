// The middle: what to say, step by step. Ticks are the agent's own; steps which must be said
// are marked. They remind, the recording proves.

import { Button } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useTwo } from "../i18n/index.ts";
import type { WorkOrder } from "../lib/types.ts";
import { fillScript, scriptValues } from "./script.ts";

export function Script({ order }: { order: WorkOrder }) {
  const { t } = useTranslation();
  const two = useTwo();
  const [said, setSaid] = useState<ReadonlySet<string>>(new Set());
  const values = scriptValues(order);
  const now = order.script.find((step) => !said.has(step.id))?.id;
  const must = order.script.filter((step) => step.must);
  const left = must.filter((step) => !said.has(step.id)).length;

  const toggle = (id: string) => {
    const next = new Set(said);
    if (!next.delete(id)) next.add(id);
    setSaid(next);
  };

  return (
    <div className="script">
      <div className="row head">
        <h2 className="grow">{t("desk.script")}</h2>
        <span className={`tag ${left === 0 ? "green" : "amber"}`}>
          {left === 0 ? t("desk.script_done") : t("desk.script_left", { n: left })}
        </span>
      </div>
      <ol>
        {order.script.map((step, n) => {
          const done = said.has(step.id);
          return (
            <li key={step.id} className={done ? "done" : step.id === now ? "now" : ""}>
              <label>
                <input type="checkbox" checked={done} onChange={() => toggle(step.id)} />
                <span className="title">
                  {n + 1} {two(step.title_zh, step.title_en)}
                  {step.must && <span className="must">{t("desk.must")}</span>}
                </span>
              </label>
              <p lang="zh-CN">{fillScript(step.text_zh, values)}</p>
            </li>
          );
        })}
      </ol>
      {said.size > 0 && (
        <Button size="small" type="text" onClick={() => setSaid(new Set())}>
          {t("desk.script_reset")}
        </Button>
      )}
    </div>
  );
}
