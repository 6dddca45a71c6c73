// The agent's desk: a whole call on one screen. Who and what on the left, the words in the
// middle, the result on the right; state, recording and network always top left.

import { useQuery } from "@tanstack/react-query";
import { Alert, Button } from "antd";
import { useCallback, useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { useTwo, useWords } from "../i18n/index.ts";
import { get, onSessionLost } from "../lib/http.ts";
import type { CallState, Me, OutcomeTable, SavedOutcome } from "../lib/types.ts";
import { Shell } from "../shell/Shell.tsx";
import { Failed } from "../ui/problem.tsx";
import { toast } from "../ui/toast.ts";
import "./desk.css";
import { ring } from "./bell.ts";
import { CallBar } from "./CallBar.tsx";
import { DeviceCheck, devicesPassed } from "./DeviceCheck.tsx";
import { DeviceSettings } from "./DeviceSettings.tsx";
import { EndPolitely } from "./EndPolitely.tsx";
import { Handed } from "./Handed.tsx";
import { Idle } from "./Idle.tsx";
import { Incoming } from "./Incoming.tsx";
import { Keypad } from "./Keypad.tsx";
import { type DeskKey, useDeskKeys } from "./keyboard.ts";
import { isAsked, LineSays } from "./LineSays.tsx";
import { NoticeLanguage, noticeLanguage } from "./NoticeLanguage.tsx";
import { Notices } from "./Notices.tsx";
import { OutcomeForm, type OutcomeKeys } from "./OutcomeForm.tsx";
import { Owed } from "./Owed.tsx";
import { asCall } from "./owed.ts";
import { Relogin } from "./Relogin.tsx";
import { Saved } from "./Saved.tsx";
import { nextStep, Script } from "./Script.tsx";
import { Shortcuts } from "./Shortcuts.tsx";
import { StateChips } from "./StateChips.tsx";
import { isLive } from "./state.ts";
import { TakeOver } from "./TakeOver.tsx";
import { TransferPanel } from "./TransferPanel.tsx";
import { type Desk, useDesk } from "./useDesk.ts";
import { type DeviceNews, useDevices } from "./useDevices.ts";
import { useFocus } from "./useFocus.ts";
import { useTwoPresses } from "./useTwoPresses.ts";
import { isOutdated } from "./version.ts";
import { nextPhone, Who } from "./Who.tsx";
import { WrapUpBar } from "./WrapUpBar.tsx";

type Dialog = "keys" | "keypad" | "end" | "transfer" | "devices" | null;

export default function DeskPage({ me, onSignOut }: { me: Me; onSignOut: () => void }) {
  const { t } = useTranslation();
  const words = useWords();
  const two = useTwo();
  const audio = useRef<HTMLAudioElement>(null);
  const desk = useDesk(
    me,
    useCallback(() => audio.current, []),
  );
  const [passed, setPassed] = useState(devicesPassed);
  const [dialog, setDialog] = useState<Dialog>(null);
  const [saved, setSaved] = useState<SavedOutcome | null>(null);
  const [owedId, setOwedId] = useState<string | null>(null);
  const [language, setLanguage] = useState<string | null>(null);
  const table = useQuery({
    queryKey: ["outcomes"],
    queryFn: () => get<OutcomeTable>("/outcomes"),
    staleTime: Number.POSITIVE_INFINITY,
  });
  const outcomeKeys = useRef<OutcomeKeys | null>(null);

  const { state, order, dialling } = desk;
  const { call } = state;
  // A colleague's call was taken here, and is not ours yet.
  const joined = state.handed !== null && state.handed.phase !== "ringing";
  const live = isLive(call);
  // An attempt whose outcome is due must be saved, or left for later, before the next number.
  const due = call !== null && call.end?.is_attempt === true && !call.outcome_saved;
  // Who comes to a live call talks first, and says what came of it.
  const checked = passed || live || due;
  const mayDial =
    order !== null &&
    !dialling &&
    !live &&
    !due &&
    desk.line === "open" &&
    state.clock.trusted &&
    !state.closing;
  const hangUp = useTwoPresses(desk.hangUp, live);
  const expired = useExpiredSession(state.session_expired);
  const close = useCallback(() => setDialog(null), []);

  const devicesChanged = useDeviceToast(desk);
  useDevices(devicesChanged);
  useBell(order?.work_order ?? null, live);
  useNoticeToast(state.notice);

  useEffect(() => {
    if (!live) setDialog((open) => (open === "keys" || open === "devices" ? open : null));
  }, [live]);

  // 待补录 that is filled in is no longer in the list.
  const owed = state.owed.find((each) => each.call_id === owedId);
  const notice = noticeLanguage(language, order, state.settings.languages);
  useFocus(order, call, owed !== undefined, outcomeKeys);
  const workOrder = order?.work_order;
  // biome-ignore lint/correctness/useExhaustiveDependencies: another party, another language
  useEffect(() => setLanguage(null), [workOrder]);
  useSavedToast(workOrder, saved, setSaved);

  const dial = (phoneId: string) => {
    setSaved(null);
    desk.dial(phoneId, notice);
  };

  useDeskKeys((key) => {
    if (!checked || dialog !== null) return;
    const say = (text: string) => toast(t(text));
    press(key, { desk, call, hangUp, outcomeKeys, setDialog, order, say });
    if (key.do === "dial") {
      const first = order && nextPhone(order.phones);
      if (mayDial && first) dial(first.phone_id);
    }
  });

  const said = new Set((call?.ticks ?? []).map((tick) => tick.step));
  const unsaid = (order?.script ?? [])
    .filter((step) => step.must && !said.has(step.id))
    .map((step) => two(step.title_zh, step.title_en));

  const here = desk.owner === "mine" && desk.line !== "occupied";
  const trail = checked && here && (
    <>
      <span className="muted">
        {t("desk.today", { answered: state.today.answered, closed: state.today.closed })}
      </span>
      <Button size="small" type="text" data-testid="devices" onClick={() => setDialog("devices")}>
        {t("devices.settings")}
      </Button>
      <Button size="small" type="text" title={t("keys.help")} onClick={() => setDialog("keys")}>
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
      lead={checked && here && <StateChips desk={desk} />}
      trail={trail}
    >
      {/* biome-ignore lint/a11y/useMediaCaption: a live telephone line has no captions */}
      <audio ref={audio} autoPlay />
      {here && checked && <Incoming desk={desk} />}
      {here && checked && <Handed desk={desk} />}
      {!here && (desk.owner !== "asking" || desk.line === "occupied") && (
        <div className="desk-single">
          {desk.owner === "taken" ? <Notices desk={desk} /> : <TakeOver desk={desk} />}
        </div>
      )}
      {here && !checked && (
        <div className="desk-single">
          <DeviceCheck onPassed={() => setPassed(true)} />
        </div>
      )}
      {here && checked && !order && (
        <div className={owed ? "desk-single beside" : "desk-single"}>
          <div className="stack">
            <NewVersion build={state.build} />
            <Notices desk={desk} />
            {table.error && <Failed error={table.error} onRetry={() => void table.refetch()} />}
            {/* A caller whom we do not know: no work order, and nothing to fill in. */}
            {live && (
              <section className="card middle" data-testid="stray-call">
                <CallBar
                  desk={desk}
                  hangUp={hangUp}
                  onKeypad={() => setDialog("keypad")}
                  onEndPolitely={() => setDialog("end")}
                  onTransfer={() => setDialog("transfer")}
                />
                <p className="muted">
                  <span className="mono">{call && words("said", call.phone_masked)}</span>{" "}
                  {t("incoming.stray")}
                </p>
                {call?.standing && (
                  <p data-testid="stray-about">
                    {t("incoming.about", {
                      task: call.standing.task_number,
                      phase: words("said", call.standing.phase),
                      next: words("said", call.standing.next_step),
                    })}
                  </p>
                )}
              </section>
            )}
            {!desk.refusal && !live && !joined && <Idle desk={desk} saved={saved} />}
            {/* Read along while the colleague explains. */}
            {joined && desk.handed && (
              <div className="reading">
                <Who order={desk.handed} call={null} mayDial={false} onDial={dial} />
              </div>
            )}
            <Owed calls={state.owed} open={owedId} onOpen={(call) => setOwedId(call.call_id)} />
          </div>
          {owed && table.data && (
            <OutcomeForm
              key={owed.call_id}
              table={table.data}
              call={asCall(owed)}
              keys={outcomeKeys}
              whose={`${owed.recipient} ${owed.phone_masked}`}
              onTick={(step) => desk.tick(step, true, owed.call_id)}
              onSaved={(outcome) => {
                setSaved(outcome);
                setOwedId(null);
              }}
            />
          )}
        </div>
      )}
      {here && checked && order && (
        <div className="desk">
          <Who order={order} call={call} mayDial={mayDial} onDial={dial}>
            <NoticeLanguage
              all={state.settings.languages}
              chosen={notice}
              disabled={live || dialling}
              onChoose={setLanguage}
            />
          </Who>
          <section className="card middle" aria-label={t("desk.script")}>
            <CallBar
              desk={desk}
              hangUp={hangUp}
              onKeypad={() => setDialog("keypad")}
              onEndPolitely={() => setDialog("end")}
              onTransfer={() => setDialog("transfer")}
            />
            <LineSays call={call} onJudge={desk.judge} />
            <Notices desk={desk} />
            {saved && <Saved saved={saved} />}
            <Script order={order} call={call} onTick={desk.tick} />
          </section>
          {table.data ? (
            <OutcomeForm
              key={call?.call_id ?? order.work_order}
              table={table.data}
              call={call}
              keys={outcomeKeys}
              unsaid={unsaid}
              timer={call && <WrapUpBar desk={desk} call={call} />}
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
      <Shortcuts open={dialog === "keys"} onClose={close} />
      <Keypad open={dialog === "keypad"} call={call} onPress={desk.keypad} onClose={close} />
      <EndPolitely
        open={dialog === "end"}
        onClose={close}
        onEnd={(reason) => {
          close();
          desk.endPolitely(reason);
        }}
      />
      <TransferPanel
        open={dialog === "transfer"}
        onClose={close}
        onChoose={(mode, to) => {
          close();
          desk.transfer(mode, to);
        }}
      />
      <DeviceSettings open={dialog === "devices"} onChosen={desk.changeDevices} onClose={close} />
      <Relogin
        me={me}
        live={live}
        open={expired.now}
        onSignedIn={() => {
          expired.over();
          desk.signedInAgain();
        }}
      />
    </Shell>
  );
}

interface Hands {
  desk: Desk;
  call: CallState | null;
  hangUp: { press: () => void };
  outcomeKeys: { current: OutcomeKeys | null };
  setDialog: (dialog: Dialog) => void;
  order: Desk["order"];
  /** Says why a key does nothing. */
  say: (key: string) => void;
}

/** What a key does, where it may. */
function press(key: DeskKey, hands: Hands) {
  const { desk, call, hangUp, outcomeKeys, setDialog, order, say } = hands;
  const live = isLive(call);
  const three = call?.transfer?.phase === "joined";
  const passing = call?.transfer && !three;
  const talking = live && call?.phase === "talking" && !call.parting && !passing;
  const aside = desk.state.handed?.phase;
  switch (key.do) {
    case "mute":
      if (live && call) desk.mute(!call.muted);
      else if (aside === "consulting" || aside === "joined") desk.muteHanded(!desk.handedMuted);
      break;
    case "join":
      if (live && call?.transfer?.phase === "consulting") desk.joinTransfer();
      break;
    case "hang_up":
      if (live) hangUp.press();
      break;
    case "hold":
      if (talking && call) desk.hold(!call.held);
      break;
    case "keypad":
      if (talking) setDialog("keypad");
      break;
    case "end_politely":
      if (talking) setDialog("end");
      break;
    case "transfer":
      if (talking && !three) setDialog("transfer");
      break;
    case "tick": {
      const ticks = new Map((call?.ticks ?? []).map((tick) => [tick.step, tick]));
      const step = order && nextStep(order, ticks);
      if (live && call?.answered_at && step) desk.tick(step.id, true);
      else if (order && !live) say("desk.tick_not_now");
      break;
    }
    case "judge":
      if (call && isAsked(call)) desk.judge(call.call_id, key.confirmed);
      break;
    case "form":
      outcomeKeys.current?.focus();
      break;
    case "help":
      setDialog("keys");
      break;
    case "accept":
      desk.accept();
      break;
    case "digit":
      outcomeKeys.current?.digit(key.digit);
      break;
    case "more":
      outcomeKeys.current?.more();
      break;
    case "save":
      outcomeKeys.current?.save();
      break;
    case "dial":
      break;
  }
}

/** Whether somebody must sign in again; what stands on the desk is not left for it. */
function useExpiredSession(told: boolean) {
  const [lost, setLost] = useState(false);
  useEffect(() => onSessionLost(() => setLost(true)), []);
  return { now: lost || told, over: () => setLost(false) };
}

/** Says what was plugged in or pulled out, and goes on with what is there. */
function useDeviceToast(desk: Desk) {
  const { t } = useTranslation();
  const { devicesChanged } = desk;
  return useCallback(
    (news: DeviceNews) => {
      void devicesChanged().then((name) => {
        const description = name && t("devices.now", { name });
        const titles = [
          ...news.went.map((gone) => t("devices.went", { name: gone })),
          ...news.came.map((fresh) => t("devices.came", { name: fresh })),
        ];
        for (const title of titles) {
          toast(title, description);
        }
      });
    },
    [devicesChanged, t],
  );
}

/** Says what happened and needs nothing: it goes away by itself. */
function useNoticeToast(notice: Desk["state"]["notice"]) {
  const { t, i18n } = useTranslation();
  const last = useRef(notice);
  useEffect(() => {
    if (last.current === notice) return;
    last.current = notice;
    const key = notice && `toast.${notice.code}`;
    if (key && i18n.exists(key)) {
      toast(t(key));
    }
  }, [notice, t, i18n]);
}

/** What was saved of the party before does not stand on the work order of the next one. */
function useSavedToast(
  workOrder: string | undefined,
  saved: SavedOutcome | null,
  setSaved: (saved: SavedOutcome | null) => void,
) {
  const { t } = useTranslation();
  const two = useTwo();
  const last = useRef(workOrder);
  useEffect(() => {
    if (last.current === workOrder) return;
    last.current = workOrder;
    if (!workOrder || !saved) return;
    toast(t("desk.saved"), two(saved.next_zh, saved.next_en));
    setSaved(null);
  }, [workOrder, saved, setSaved, t, two]);
}

/** Rings once for each new work order, but not into a call. */
function useBell(workOrder: string | null, live: boolean) {
  const last = useRef(workOrder);
  useEffect(() => {
    if (workOrder && workOrder !== last.current && !live) void ring();
    last.current = workOrder;
  }, [workOrder, live]);
}

function NewVersion({ build }: { build: string | null }) {
  const { t } = useTranslation();
  if (!isOutdated(build)) return null;
  return (
    <Alert
      data-testid="new-version"
      type="info"
      showIcon
      title={t("version.new")}
      action={
        <Button data-testid="apply-version" onClick={() => window.location.reload()}>
          {t("version.apply")}
        </Button>
      }
    />
  );
}

function Pause({ desk }: { desk: Desk }) {
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
