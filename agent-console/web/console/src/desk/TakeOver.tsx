// The desk is open somewhere else: in another window of this browser, or at another machine.
// Who wants it here says so; the call and its recording go on.

import { Button } from "antd";
import { useTranslation } from "react-i18next";
import { shortTime } from "../lib/time.ts";
import type { Desk } from "./useDesk.ts";

export function TakeOver({ desk }: { desk: Desk }) {
  const { t } = useTranslation();
  const { occupied } = desk.state;
  const where = desk.owner === "elsewhere" ? "window" : "machine";
  return (
    <section className="card empty" role="alertdialog" aria-labelledby="take-over-title">
      <b id="take-over-title">
        {t(occupied?.in_call ? "take_over.in_call" : `take_over.${where}`)}
      </b>
      <p className="muted">{t("take_over.why")}</p>
      {occupied?.since_at && (
        <p className="muted">{t("take_over.since", { at: shortTime(occupied.since_at) })}</p>
      )}
      <Button data-testid="take-over" type="primary" size="large" autoFocus onClick={desk.takeOver}>
        {t("take_over.here")}
      </Button>
    </section>
  );
}
