// Top left, always: what the agent is doing and for how long, whether it is recorded, how
// the network is. Colour, word and timer together; a change is announced once.

import { useTranslation } from "react-i18next";
import { clock } from "../lib/time.ts";
import { Signals } from "../ui/Signal.tsx";
import { useNow } from "../ui/useNow.ts";
import { isLive, wasAnswered } from "./state.ts";
import type { Desk } from "./useDesk.ts";

const COLOURS: Record<string, string> = {
  ready: "green",
  reserved: "blue",
  calling: "green",
  wrap_up: "amber",
  paused: "amber",
  offline: "grey",
};
const NETWORK = { good: "green", fair: "amber", poor: "red", lost: "red" } as const;

export function StateChips({ desk }: { desk: Desk }) {
  const { t } = useTranslation();
  const now = useNow() + desk.state.offset;
  const { agent, call } = desk.state;
  const live = isLive(call);
  const broken = desk.line !== "open" || desk.owner !== "mine";
  const shown = desk.owner === "mine" ? desk.line : "replaced";
  const ringing = live && !wasAnswered(call);
  const word = broken ? t(`line.${shown}`) : t(ringing ? "agent.dialling" : `agent.${agent.state}`);
  const since = live && call ? (call.talk_from_at ?? call.created_at) : agent.since_at;
  const from = Date.parse(since);
  return (
    <>
      <span
        className={`state ${broken ? "red" : COLOURS[agent.state]}`}
        data-testid="chip-state"
        data-state={broken ? shown : agent.state}
      >
        <span className="dot" />
        <span role="status">{word}</span>
        {!broken && !Number.isNaN(from) && (
          <span role="timer" aria-live="off">
            {clock(now - from)}
          </span>
        )}
      </span>
      {live && !broken && call?.recording && (
        <span className="rec" data-testid="chip-recording">
          <span className="dot" />
          {t("desk.recording")}
        </span>
      )}
      {live && !broken && call?.supervision && (
        <span className="tag blue" data-testid="chip-supervision" role="status">
          {t(`supervise.chip.${call.supervision.what}`, { name: call.supervision.by_name })}
        </span>
      )}
      {live && !broken && desk.network && (
        <span className={`tag ${NETWORK[desk.network.quality]}`} data-testid="chip-network">
          {t(`network.${desk.network.quality}`)}
          {desk.network.rtt_ms !== null && ` ${Math.round(desk.network.rtt_ms)} ms`}
        </span>
      )}
      {live && !broken && <Signals quality={call?.quality} />}
      {desk.state.owed.length > 0 && (
        <span className="tag amber" data-testid="chip-owed" title={t("owed.why")}>
          {t("owed.chip", { n: desk.state.owed.length })}
        </span>
      )}
      {live && call?.digits_in && (
        <span className="tag" data-testid="chip-digits">
          {t("keypad.received", { digits: call.digits_in })}
        </span>
      )}
    </>
  );
}
