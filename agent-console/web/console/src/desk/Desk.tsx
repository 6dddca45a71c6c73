// The agent's desk: a whole call on one screen. Who and what on the left, the words in the
// middle, the result on the right; state, recording and network always top left.

import { useQuery } from "@tanstack/react-query";
import { Button } from "antd";
import { useCallback, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { get } from "../lib/http.ts";
import type { Me, OutcomeTable, SavedOutcome } from "../lib/types.ts";
import { Shell } from "../shell/Shell.tsx";
import { Failed } from "../ui/problem.tsx";
import "./desk.css";
import { CallBar } from "./CallBar.tsx";
import { DeviceCheck, devicesPassed } from "./DeviceCheck.tsx";
import { Idle } from "./Idle.tsx";
import { useDeskKeys } from "./keyboard.ts";
import { Notices } from "./Notices.tsx";
import { OutcomeForm, type OutcomeKeys } from "./OutcomeForm.tsx";
import { Saved } from "./Saved.tsx";
import { Script } from "./Script.tsx";
import { Shortcuts } from "./Shortcuts.tsx";
import { StateChips } from "./StateChips.tsx";
import { isLive } from "./state.ts";
import { useDesk } from "./useDesk.ts";
import { useTwoPresses } from "./useTwoPresses.ts";
import { Who } from "./Who.tsx";

export default function DeskPage({ me, onSignOut }: { me: Me; onSignOut: () => void }) {
  const { t } = useTranslation();
  const audio = useRef<HTMLAudioElement>(null);
  const desk = useDesk(
    me,
    useCallback(() => audio.current, []),
  );
  const [checked, setChecked] = useState(devicesPassed);
  const [help, setHelp] = useState(false);
  const [saved, setSaved] = useState<SavedOutcome | null>(null);
  const table = useQuery({
    queryKey: ["outcomes"],
    queryFn: () => get<OutcomeTable>("/outcomes"),
    staleTime: Number.POSITIVE_INFINITY,
  });
  const outcomeKeys = useRef<OutcomeKeys | null>(null);

  const { state, order, dialling } = desk;
  const { call } = state;
  const live = isLive(call);
  // An attempt whose outcome is owed must be saved before the next number is dialled.
  const owed = call !== null && call.end?.is_attempt === true && !call.outcome_saved;
  const mayDial = order !== null && !dialling && !live && !owed && desk.line === "open";
  const hangUp = useTwoPresses(desk.hangUp, live);

  const dial = (phoneId: string) => {
    setSaved(null);
    desk.dial(phoneId);
  };

  useDeskKeys((key) => {
    if (!checked) return;
    switch (key.do) {
      case "dial": {
        const first = order?.phones.find((phone) => phone.dialable);
        if (mayDial && first) dial(first.phone_id);
        break;
      }
      case "mute":
        if (live && call) desk.mute(!call.muted);
        break;
      case "hang_up":
        if (live) hangUp.press();
        break;
      case "help":
        setHelp(true);
        break;
      case "digit":
        outcomeKeys.current?.digit(key.digit);
        break;
      case "save":
        outcomeKeys.current?.save();
        break;
    }
  });

  const trail = checked && (
    <>
      <span className="muted">
        {t("desk.today", { answered: state.today.answered, closed: state.today.closed })}
      </span>
      <Button size="small" type="text" onClick={() => setHelp(true)}>
        {t("desk.keys")} <kbd>?</kbd>
      </Button>
      <Pause desk={desk} />
    </>
  );

  return (
    <Shell
      me={me}
      onSignOut={onSignOut}
      stay={live ? t("desk.stay") : undefined}
      lead={checked && <StateChips desk={desk} />}
      trail={trail}
    >
      {/* biome-ignore lint/a11y/useMediaCaption: a live telephone line has no captions */}
      <audio ref={audio} autoPlay />
      {!checked && (
        <div className="desk-single">
          <DeviceCheck onPassed={() => setChecked(true)} />
        </div>
      )}
      {checked && !order && (
        <div className="desk-single">
          <Notices desk={desk} />
          {table.error && <Failed error={table.error} onRetry={() => void table.refetch()} />}
          {!desk.refusal && <Idle desk={desk} saved={saved} />}
        </div>
      )}
      {checked && order && (
        <div className="desk">
          <Who order={order} call={call} mayDial={mayDial} onDial={dial} />
          <section className="card middle" aria-label={t("desk.script")}>
            <CallBar desk={desk} hangUp={hangUp} />
            <Notices desk={desk} />
            {saved && <Saved saved={saved} />}
            <Script key={order.work_order} order={order} />
          </section>
          {table.data ? (
            <OutcomeForm
              key={call?.call_id ?? order.work_order}
              table={table.data}
              call={call}
              keys={outcomeKeys}
              onSaved={(outcome, callId) => {
                setSaved(outcome);
                desk.outcomeSaved(callId);
              }}
            />
          ) : (
            <section className="card right">
              {table.error && <Failed error={table.error} onRetry={() => void table.refetch()} />}
            </section>
          )}
        </div>
      )}
      <Shortcuts open={help} onClose={() => setHelp(false)} />
    </Shell>
  );
}

function Pause({ desk }: { desk: ReturnType<typeof useDesk> }) {
  const { t } = useTranslation();
  const { state } = desk.state.agent;
  if (state === "paused" || state === "offline") {
    return null;
  }
  const busy = state === "calling" || state === "wrap_up";
  return (
    <Button
      size="small"
      data-testid="pause"
      disabled={busy || desk.line !== "open"}
      title={busy ? t("desk.pause_busy") : undefined}
      onClick={desk.pause}
    >
      {t("desk.pause")}
    </Button>
  );
}
