// The call itself: its phase in words, its clock, and what can be done with it.

import { Button } from "antd";
import { useTranslation } from "react-i18next";
import { clock } from "../lib/time.ts";
import { useNow } from "../ui/useNow.ts";
import { isLive, wasAnswered } from "./state.ts";
import { TransferBar } from "./TransferBar.tsx";
import type { Desk } from "./useDesk.ts";
import type { TwoPresses } from "./useTwoPresses.ts";

interface CallBarProps {
  desk: Desk;
  hangUp: TwoPresses;
  onKeypad: () => void;
  onEndPolitely: () => void;
  onTransfer: () => void;
}

export function CallBar({ desk, hangUp, onKeypad, onEndPolitely, onTransfer }: CallBarProps) {
  const { t, i18n } = useTranslation();
  const { call, offset } = desk.state;
  const live = isLive(call);
  const now = useNow(live) + offset;
  const phase = desk.dialling && !live ? "preparing" : (call?.phase ?? "none");

  let time = "";
  if (call?.end) time = clock(call.end.talk_ms);
  else if (call) time = clock(now - Date.parse(call.talk_from_at ?? call.created_at));

  let words = t(`phase.${phase}`);
  if (call?.end) {
    const technical = i18n.language === "en" ? call.end.technical.en : call.end.technical.zh;
    words = t("phase.ended_by", { technical, by: t(`ended_by.${call.end.by}`) });
  }
  // Before anybody answered there is nothing to hang up, only a call to take back.
  const end = wasAnswered(call) ? "desk.hang_up" : "desk.cancel";
  // While the notice plays the party does not hear the agent, who must know.
  const unheard = phase === "notice";
  if (unheard) words = t("desk.notice_plays");
  if (live && call?.parting) words = t(`parting.${call.parting}`);
  else if (live && call?.away_until_at) words = t("desk.away");
  else if (live && call?.transfer) words = t(`transfer.phase.${call.transfer.phase}`);
  else if (live && call?.held) words = t("desk.held");
  // Three who talk are a call like any other.
  const three = call?.transfer?.phase === "joined";
  if (live && three && call?.held && !call.parting) words = t("desk.held");
  const passing = call?.transfer && !three;
  const apart =
    unheard || (live && (call?.held || call?.away_until_at || call?.parting || passing));
  const shown = `phase grow ${apart ? "unheard" : "clip"}`;
  const talking = live && call?.phase === "talking" && !call.parting && !passing;
  return (
    <div className="call">
      <span className="clock">{time || "--:--"}</span>
      <span
        className={shown}
        data-testid="phase"
        data-phase={phase}
        data-held={live && (call?.held || call?.away_until_at) ? "yes" : "no"}
        role="status"
      >
        {words}
      </span>
      <Button
        data-testid="mute"
        title={`${t("keys.mute")} (Alt M)`}
        disabled={!live}
        aria-pressed={call?.muted ?? false}
        type={call?.muted && live ? "primary" : "default"}
        onClick={() => call && desk.mute(!call.muted)}
      >
        {t(call?.muted && live ? "desk.unmute" : "desk.mute")} <kbd>Alt M</kbd>
      </Button>
      <Button
        data-testid="hang-up"
        title={`${t("keys.hang_up")} (Alt E)`}
        type={live ? "primary" : "default"}
        danger
        disabled={!live}
        onClick={hangUp.press}
      >
        {t(hangUp.armed ? `${end}_again` : live ? end : "desk.hang_up")} <kbd>Alt E</kbd>
      </Button>
      {live && wasAnswered(call) && (
        <div className="more">
          <Button
            size="small"
            data-testid="hold"
            disabled={!talking}
            aria-pressed={call?.held ?? false}
            type={call?.held && live ? "primary" : "default"}
            title={`${t("desk.hold_why")} (Alt H)`}
            onClick={() => call && desk.hold(!call.held)}
          >
            {t(call?.held && live ? "desk.unhold" : "desk.hold")} <kbd>Alt H</kbd>
          </Button>
          <Button
            size="small"
            data-testid="keypad"
            disabled={!talking}
            title={`${t("keypad.title")} (Alt K)`}
            onClick={onKeypad}
          >
            {t("desk.keypad")} <kbd>Alt K</kbd>
          </Button>
          <Button
            size="small"
            data-testid="end-politely"
            disabled={!talking}
            title={`${t("polite.title")} (Alt G)`}
            onClick={onEndPolitely}
          >
            {t("desk.polite")} <kbd>Alt G</kbd>
          </Button>
          <Button
            size="small"
            data-testid="transfer"
            disabled={!talking || three}
            title={`${t("transfer.hint")} (Alt Z)`}
            onClick={onTransfer}
          >
            {t("transfer.title")} <kbd>Alt Z</kbd>
          </Button>
        </div>
      )}
      {live && call?.transfer && <TransferBar desk={desk} transfer={call.transfer} now={now} />}
    </div>
  );
}
