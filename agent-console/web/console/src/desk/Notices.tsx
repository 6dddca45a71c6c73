// What stands in the way, drawn where the eye is: a broken line, a refused work order, a
// refused dial, a call whose sound this page does not have.

import { Alert, Button } from "antd";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { Failed, useCodeText } from "../ui/problem.tsx";
import { isLive } from "./state.ts";
import type { Desk } from "./useDesk.ts";

export function Notices({ desk }: { desk: Desk }) {
  const { t, i18n } = useTranslation();
  const text = useCodeText();
  const { state, line, refusal } = desk;
  const list: ReactNode[] = [];

  if (!state.clock.trusted) {
    list.push(
      <Alert
        key="clock"
        data-testid="error-clock"
        type="error"
        showIcon
        title={t("notice.clock")}
        description={t("notice.clock_why")}
      />,
    );
  }
  if (state.closing && line === "open") {
    list.push(
      <Alert
        key="closing"
        data-testid="notice-closing"
        type="info"
        showIcon
        title={t("notice.closing")}
        description={t("notice.closing_why")}
      />,
    );
  }
  if (desk.keyError) list.push(<Failed key="key" error={desk.keyError} />);
  if (state.bye || desk.owner === "taken") {
    list.push(
      <Alert
        key="bye"
        data-testid="error-line.replaced"
        type="warning"
        showIcon
        title={t(state.bye === "logged_out" ? "line.logged_out" : "line.replaced_why")}
        action={
          state.bye !== "logged_out" && (
            <Button data-testid="take-back" onClick={desk.takeOver}>
              {t("line.take_over")}
            </Button>
          )
        }
      />,
    );
  } else if (line === "lost" || (line === "connecting" && state.known)) {
    list.push(
      <Alert
        key="line"
        data-testid="error-line.lost"
        type="error"
        showIcon
        title={t("line.lost_why")}
        description={t(isLive(state.call) ? "line.lost_in_call" : "line.lost_idle")}
      />,
    );
  }
  if (refusal) {
    list.push(
      <Alert
        key="refusal"
        data-testid={`error-${refusal}`}
        type="error"
        showIcon
        title={t(`error.${refusal}`)}
        description={t("envelope.what_to_do")}
      />,
    );
  }
  if (state.error) {
    const { code, detail } = state.error;
    const help = `help.${code}`;
    list.push(
      <Alert
        key="error"
        data-testid={`error-${code}`}
        type="error"
        showIcon
        closable={{ onClose: desk.errorRead }}
        title={text(code, detail)}
        description={
          <>
            {i18n.exists(help) && <span>{t(help)} </span>}
            <span className="mono">{code}</span>
          </>
        }
      />,
    );
  }
  const { call } = state;
  if (call && isLive(call) && line === "open" && desk.owner === "mine") {
    if (call.away_until_at || (!desk.hasAudio && !desk.dialling)) {
      list.push(
        <Alert
          key="audio"
          data-testid="error-media.gone"
          type="warning"
          showIcon
          title={t("desk.audio_gone")}
          description={t("desk.audio_gone_help")}
          action={
            <Button data-testid="resume" type="primary" onClick={desk.resume}>
              {t("desk.resume")}
            </Button>
          }
        />,
      );
    }
    if (call.party !== "heard" && call.answered_at) {
      list.push(
        <Alert
          key="party"
          data-testid={`notice-party.${call.party}`}
          type="warning"
          showIcon
          title={t(`notice.party_${call.party}`)}
          description={t("notice.party_why")}
        />,
      );
    }
  }
  if (list.length === 0) return null;
  return <div className="notices">{list}</div>;
}
