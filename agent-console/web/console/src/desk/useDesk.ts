// The desk's moving parts in one place: key, line, envelope and the agent's leg. The parts
// are pure or small; here they are only tied together.

import { useCallback, useEffect, useReducer, useRef, useState } from "react";
import type { KeptKey } from "../lib/keys.ts";
import { newKey, sessionKey } from "../lib/session.ts";
import type { Me, WorkOrder } from "../lib/types.ts";
import { EnvelopeRefused, openEnvelope, type Refusal } from "./envelope.ts";
import { Line, type LineState } from "./line.ts";
import { AgentLeg, type Network, NoMicrophone } from "./media.ts";
import { type DeskState, type Frame, isLive, nothing, reduce } from "./state.ts";

/** A server that knows no key of ours must not be asked for ever. */
const MOST_RENEWALS = 3;

export interface Desk {
  state: DeskState;
  line: LineState;
  order: WorkOrder | null;
  refusal: Refusal | null;
  /** Between the click and the server's first word about the call. */
  dialling: boolean;
  /** Whether this page carries the sound of the live call. */
  hasAudio: boolean;
  network: Network | null;
  keyError: unknown;
  ready: () => void;
  pause: () => void;
  dial: (phoneId: string) => void;
  hangUp: () => void;
  mute: (on: boolean) => void;
  outcomeSaved: (callId: string) => void;
  errorRead: () => void;
  takeOver: () => void;
}

export function useDesk(me: Me, audio: () => HTMLAudioElement | null): Desk {
  const [state, dispatch] = useReducer(reduce, nothing);
  const [lineState, setLineState] = useState<LineState>("connecting");
  const [key, setKey] = useState<KeptKey | null>(null);
  const [keyError, setKeyError] = useState<unknown>(null);
  const [dialling, setDialling] = useState(false);
  const [hasAudio, setHasAudio] = useState(false);
  const [network, setNetwork] = useState<Network | null>(null);
  const line = useRef<Line | null>(null);
  const leg = useRef<AgentLeg | null>(null);
  const renewals = useRef(0);
  const latest = useRef(state);
  latest.current = state;

  const fail = useCallback(
    (code: string) => dispatch({ kind: "error", code, detail: "", now: Date.now() }),
    [],
  );

  const closeLeg = useCallback(() => {
    leg.current?.close();
    leg.current = null;
    setHasAudio(false);
    setNetwork(null);
    setDialling(false);
  }, []);

  useEffect(() => {
    let gone = false;
    sessionKey(me).then(
      (kept) => !gone && setKey(kept),
      (error) => !gone && setKeyError(error),
    );
    return () => {
      gone = true;
    };
  }, [me]);

  const onFrame = useCallback(
    (frame: Frame) => {
      dispatch({ kind: "frame", frame, now: Date.now() });
      switch (frame.type) {
        case "answer":
          leg.current?.answer(String(frame.sdp ?? "")).catch(() => fail("dial.browser_media"));
          break;
        case "call":
          setDialling(false);
          if (frame.phase === "ended") closeLeg();
          break;
        case "snapshot":
          if (!isLive((frame.call ?? null) as DeskState["call"])) closeLeg();
          break;
        case "error":
          if (String(frame.code ?? "").startsWith("dial.") && !isLive(latest.current.call)) {
            closeLeg();
          }
          // The server has another key or none for this session: make a new one.
          if (frame.code === "key.unknown" && renewals.current < MOST_RENEWALS) {
            renewals.current += 1;
            newKey(me).then(setKey, setKeyError);
          }
          break;
        case "work_order_closed":
        case "bye":
          closeLeg();
          break;
      }
    },
    [closeLeg, fail, me],
  );

  useEffect(() => {
    if (!key) return;
    const opened = new Line(key.kid, { frame: onFrame, state: setLineState });
    line.current = opened;
    return () => {
      opened.close();
      line.current = null;
      closeLeg();
    };
  }, [key, onFrame, closeLeg]);

  const opened = useOpenedOrder(me, key, state, line);

  const dial = useCallback(
    (phoneId: string) => {
      const element = audio();
      const workOrder = opened.order?.work_order;
      if (leg.current || dialling || isLive(latest.current.call) || !workOrder || !element) return;
      setDialling(true);
      dispatch({ kind: "error_read" });
      const raw = me.demo && new URLSearchParams(window.location.search).get("raw") === "1";
      const events = { network: setNetwork, lost: () => fail("media.lost") };
      AgentLeg.prepare(element, raw, events).then(
        (made) => {
          const command = { type: "dial", work_order: workOrder, phone_id: phoneId };
          if (!line.current?.send({ ...command, sdp: made.offer })) {
            made.close();
            setDialling(false);
            fail("line.lost");
            return;
          }
          leg.current = made;
          setHasAudio(true);
        },
        (error) => {
          setDialling(false);
          fail(error instanceof NoMicrophone ? `microphone.${error.why}` : "dial.browser_media");
        },
      );
    },
    [audio, dialling, fail, me.demo, opened.order],
  );

  const command = useCallback(
    (type: string, more: Record<string, unknown> = {}) => {
      if (!line.current?.send({ type, ...more })) fail("line.lost");
    },
    [fail],
  );

  useWarningBeforeLeaving(isLive(state.call));

  return {
    state,
    line: lineState,
    ...opened,
    dialling,
    hasAudio,
    network,
    keyError,
    ready: useCallback(() => command("ready"), [command]),
    pause: useCallback(() => command("pause"), [command]),
    dial,
    hangUp: useCallback(() => command("hang_up"), [command]),
    mute: useCallback(
      (on: boolean) => {
        // At once here, so that a slow line cannot carry a word that was not meant.
        leg.current?.mute(on);
        command("mute", { on });
      },
      [command],
    ),
    outcomeSaved: useCallback(
      (callId: string) => dispatch({ kind: "outcome_saved", call_id: callId }),
      [],
    ),
    errorRead: useCallback(() => dispatch({ kind: "error_read" }), []),
    takeOver: useCallback(() => line.current?.takeOver(), []),
  };
}

/** Opens each envelope that comes in, acknowledges it, or says why it was refused. */
function useOpenedOrder(
  me: Me,
  key: KeptKey | null,
  state: DeskState,
  line: { current: Line | null },
): { order: WorkOrder | null; refusal: Refusal | null } {
  const [result, setResult] = useState<{ order: WorkOrder | null; refusal: Refusal | null }>({
    order: null,
    refusal: null,
  });
  const { envelope, offset } = state;
  const clock = useRef(offset);
  clock.current = offset;

  useEffect(() => {
    if (!envelope || !key) {
      setResult({ order: null, refusal: null });
      return;
    }
    let stale = false;
    const opener = {
      pair: key.pair,
      kid: key.kid,
      agent: me.user.id,
      sessionTag: key.session_tag,
      now: Date.now() + clock.current,
    };
    openEnvelope(envelope, opener).then(
      (order) => {
        if (stale) return;
        setResult({ order, refusal: null });
        line.current?.send({ type: "opened", work_order: order.work_order });
      },
      (error) => {
        if (stale) return;
        const refusal = error instanceof EnvelopeRefused ? error.code : "envelope.unreadable";
        setResult({ order: null, refusal });
      },
    );
    return () => {
      stale = true;
    };
  }, [envelope, key, me.user.id, line]);

  return result;
}

function useWarningBeforeLeaving(live: boolean): void {
  useEffect(() => {
    if (!live) return;
    const warn = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener("beforeunload", warn);
    return () => window.removeEventListener("beforeunload", warn);
  }, [live]);
}
