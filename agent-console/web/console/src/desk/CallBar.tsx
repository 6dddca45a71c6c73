// The call itself: its phase in words, its clock, mute and hang up.

import { Button } from "antd";
import { useTranslation } from "react-i18next";
import { clock } from "../lib/time.ts";
import { useNow } from "../ui/useNow.ts";
import { isLive, wasAnswered } from "./state.ts";
import type { Desk } from "./useDesk.ts";
import type { TwoPresses } from "./useTwoPresses.ts";

export function CallBar({ desk, hangUp }: { desk: Desk; hangUp: TwoPresses }) {
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
  const shown = `phase grow ${unheard ? "unheard" : "clip"}`;
  return (
    <div className="call">
      <span className="clock">{time || "--:--"}</span>
      <span className={shown} data-testid="phase" data-phase={phase} role="status">
        {words}
      </span>
      <Button
        data-testid="mute"
        disabled={!live}
        aria-pressed={call?.muted ?? false}
        type={call?.muted && live ? "primary" : "default"}
        onClick={() => call && desk.mute(!call.muted)}
      >
        {t(call?.muted && live ? "desk.unmute" : "desk.mute")} <kbd>Alt M</kbd>
      </Button>
      <Button
        data-testid="hang-up"
        type={live ? "primary" : "default"}
        danger
        disabled={!live}
        onClick={hangUp.press}
      >
        {t(hangUp.armed ? `${end}_again` : live ? end : "desk.hang_up")} <kbd>Alt E</kbd>
      </Button>
    </div>
  );
}
