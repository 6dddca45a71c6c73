// The desk's moving parts in one place: ownership of the desk, key, line, envelope and the
// sound. The parts are pure or small; here they are only tied together.

import { useCallback, useEffect, useMemo, useReducer, useRef, useState } from "react";
import type { KeptKey } from "../lib/keys.ts";
import { newKey, sessionKey } from "../lib/session.ts";
import type { Envelope, HandOver, Me, WorkOrder } from "../lib/types.ts";
import { EnvelopeRefused, openEnvelope, type Refusal } from "./envelope.ts";
import { Line, type LineState } from "./line.ts";
import { type Network, NoMicrophone } from "./media.ts";
import { Owner, type Ownership } from "./owner.ts";
import { mustRejoin } from "./rejoin.ts";
import { SampleBox } from "./samples.ts";
import { Softphone } from "./softphone.ts";
import { type DeskState, type Frame, isLive, nothing, reduce, takes } from "./state.ts";

/** A server that knows no key of ours must not be asked for ever. */
const MOST_RENEWALS = 3;
/** How often a live call is looked at: does it sound here? */
const LOOK_MS = 250;

export interface Desk {
  state: DeskState;
  line: LineState;
  owner: Ownership;
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
  dial: (phoneId: string, language?: string) => void;
  /** The work order of a known caller whose call rings here. */
  caller: WorkOrder | null;
  /** The work order of a colleague's call that rings here. */
  handed: WorkOrder | null;
  /** Takes the call that rings: a caller's, or a colleague's. */
  accept: () => void;
  decline: () => void;
  /** Leaves a colleague's call to him, or lets him go on alone. */
  declineTransfer: () => void;
  transfer: (mode: HandOver["mode"], to: { kind: HandOver["kind"]; id: string }) => void;
  completeTransfer: () => void;
  /** Takes whom the agent consults in to the party. */
  joinTransfer: () => void;
  /** In a colleague's call that is not ours yet: the microphone of this page. */
  handedMuted: boolean;
  muteHanded: (on: boolean) => void;
  cancelTransfer: () => void;
  hangUp: () => void;
  mute: (on: boolean) => void;
  hold: (on: boolean) => void;
  keypad: (digits: string) => void;
  endPolitely: (reason: string) => void;
  /** Of the call at hand, or of one whose outcome is owed. */
  tick: (step: string, on: boolean, callId?: string) => void;
  /** What the line says is so, or is not. */
  judge: (callId: string, confirmed: boolean) => void;
  later: (callId: string) => void;
  extend: (callId: string) => void;
  resume: () => void;
  /** Others were chosen. */
  changeDevices: () => void;
  /** Others are there; answers the name of the microphone that is used from now on. */
  devicesChanged: () => Promise<string | null>;
  outcomeSaved: (callId: string) => void;
  errorRead: () => void;
  takeOver: () => void;
  /** Somebody signed in again: the line is opened under the new session. */
  signedInAgain: () => void;
}

export function useDesk(me: Me, audio: () => HTMLAudioElement | null): Desk {
  const [state, dispatch] = useReducer(reduce, nothing);
  const [lineState, setLineState] = useState<LineState>("connecting");
  const [ownership, setOwnership] = useState<Ownership>("asking");
  const [key, setKey] = useState<KeptKey | null>(null);
  const [keyError, setKeyError] = useState<unknown>(null);
  const [dialling, setDialling] = useState(false);
  const [hasAudio, setHasAudio] = useState(false);
  const [network, setNetwork] = useState<Network | null>(null);
  const [handedMuted, setHandedMuted] = useState(false);
  const mutedAside = useRef(false);
  mutedAside.current = handedMuted;
  const line = useRef<Line | null>(null);
  const owner = useRef<Owner | null>(null);
  const taking = useRef(false);
  const accepting = useRef(false);
  const renewals = useRef(0);
  const resumed = useRef(0);
  const away = useRef<number | null>(null);
  const latest = useRef(state);
  latest.current = state;

  const fail = useCallback(
    (code: string) => dispatch({ kind: "error", code, detail: "", now: Date.now() }),
    [],
  );
  const microphoneFailed = useCallback(
    (error: unknown) =>
      fail(error instanceof NoMicrophone ? `microphone.${error.why}` : "dial.browser_media"),
    [fail],
  );

  const samples = useMemo(() => new SampleBox((command) => line.current?.send(command)), []);
  const phone = useRef<Softphone | null>(null);

  const resume = useCallback(() => {
    const { call } = latest.current;
    if (!call || !isLive(call)) return;
    resumed.current = Date.now();
    phone.current?.mute(call.muted);
    phone.current?.offer().then((sdp) => {
      line.current?.send({ type: "resume", call_id: call.call_id, sdp });
    }, microphoneFailed);
  }, [microphoneFailed]);

  const look = useCallback(() => {
    const { call } = latest.current;
    const now = Date.now();
    away.current = call?.away_until_at ? (away.current ?? now) : null;
    const standing = {
      live: isLive(call) && line.current?.isOpen === true,
      resumable: call?.resumable === true,
      broken: phone.current?.isBroken === true,
      awayMs: away.current === null ? null : now - away.current,
      sinceMs: now - resumed.current,
    };
    if (mustRejoin(standing)) resume();
  }, [resume]);

  const live = isLive(state.call);
  useEffect(() => {
    if (!live) return;
    const timer = window.setInterval(look, LOOK_MS);
    const online = () => {
      phone.current?.online();
      look();
    };
    window.addEventListener("online", online);
    return () => {
      window.clearInterval(timer);
      window.removeEventListener("online", online);
    };
  }, [live, look]);

  useEffect(() => {
    const raw = me.demo && new URLSearchParams(window.location.search).get("raw") === "1";
    phone.current = new Softphone(audio, raw, {
      network: (now) => {
        setNetwork(now);
        if (now) samples.add(latest.current.call?.call_id ?? null, now);
      },
      audio: setHasAudio,
    });
    return () => {
      phone.current?.drop();
      phone.current = null;
    };
  }, [audio, me.demo, samples]);

  const silence = useCallback(() => {
    samples.flush();
    phone.current?.close();
    setDialling(false);
  }, [samples]);

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
      const took = accepting.current;
      accepting.current = takes(frame, took);
      switch (frame.type) {
        case "answer":
          phone.current?.answer(String(frame.sdp ?? "")).catch(() => fail("dial.browser_media"));
          break;
        case "call":
          setDialling(false);
          if (frame.phase === "ended") silence();
          break;
        case "snapshot": {
          const call = (frame.call ?? null) as DeskState["call"];
          if (!isLive(call)) {
            if (!accepting.current) silence();
            break;
          }
          // What was offered over the line before is not answered on this one.
          resumed.current = 0;
          latest.current = { ...latest.current, call };
          look();
          break;
        }
        case "error":
          if (String(frame.code ?? "").startsWith("dial.") && !isLive(latest.current.call)) {
            silence();
          }
          // The server has another key or none for this session: make a new one.
          if (frame.code === "key.unknown" && renewals.current < MOST_RENEWALS) {
            renewals.current += 1;
            newKey(me).then(setKey, setKeyError);
          }
          break;
        case "incoming_gone":
        case "transfer_gone":
          // Somebody else was faster, or the caller is gone: the sound made ready is let go.
          if (took && frame.reason !== "accepted") silence();
          // Who was muted when the party became his stays so, and the call says it.
          if (frame.reason === "accepted" && mutedAside.current) {
            line.current?.send({ type: "mute", on: true });
          }
          setHandedMuted(false);
          break;
        case "work_order_closed":
          // It made room for a call that this window takes.
          if (!took) silence();
          break;
        case "bye":
          silence();
          break;
      }
    },
    [silence, fail, look, me],
  );

  useEffect(() => {
    const asked = new Owner(me.user.id, setOwnership);
    owner.current = asked;
    return () => asked.close();
  }, [me.user.id]);

  const mine = ownership === "mine";
  useEffect(() => {
    if (!key || !mine) return;
    const opened = new Line(key.kid, taking.current, {
      sounds: () => phone.current?.sounds === true,
      frame: onFrame,
      state: setLineState,
    });
    taking.current = false;
    line.current = opened;
    return () => {
      opened.close();
      line.current = null;
    };
  }, [key, mine, onFrame]);

  // Another window of this browser has the desk: what it does is none of ours.
  useEffect(() => {
    if (ownership === "taken" || ownership === "elsewhere") phone.current?.drop();
  }, [ownership]);

  const opened = useOpenedOrder(me, key, state, line);
  const caller = useRinging(me, key, state, state.incoming?.envelope ?? null);
  const handed = useRinging(me, key, state, state.handed?.envelope ?? null);

  const accept = useCallback(() => {
    const { incoming, handed, call } = latest.current;
    const ringing = incoming ?? (handed?.phase === "ringing" ? handed : null);
    if (!phone.current || !ringing || accepting.current || dialling || isLive(call)) return;
    const type = incoming ? "accept" : "transfer_accept";
    accepting.current = true;
    dispatch({ kind: "error_read" });
    phone.current.mute(false);
    phone.current.offer().then(
      (sdp) => {
        if (line.current?.send({ type, call_id: ringing.call_id, sdp })) return;
        accepting.current = false;
        silence();
      },
      (error) => {
        accepting.current = false;
        microphoneFailed(error);
      },
    );
  }, [dialling, silence, microphoneFailed]);
  const decline = useCallback(() => {
    const ringing = latest.current.incoming;
    if (ringing) line.current?.send({ type: "decline", call_id: ringing.call_id });
  }, []);
  const declineTransfer = useCallback(() => {
    const ringing = latest.current.handed;
    if (ringing) line.current?.send({ type: "transfer_decline", call_id: ringing.call_id });
  }, []);

  const dial = useCallback(
    (phoneId: string, language?: string) => {
      const workOrder = opened.order?.work_order;
      const { call, incoming, handed } = latest.current;
      if (!phone.current || dialling || isLive(call) || incoming || handed || !workOrder) return;
      setDialling(true);
      dispatch({ kind: "error_read" });
      phone.current.mute(false);
      phone.current.offer().then(
        (sdp) => {
          const command = { type: "dial", work_order: workOrder, phone_id: phoneId, language };
          if (line.current?.send({ ...command, sdp })) return;
          silence();
          fail("line.lost");
        },
        (error) => {
          setDialling(false);
          microphoneFailed(error);
        },
      );
    },
    [dialling, fail, microphoneFailed, opened.order, silence],
  );

  const command = useCallback(
    (type: string, more: Record<string, unknown> = {}) => {
      if (!line.current?.send({ type, ...more })) fail("line.lost");
    },
    [fail],
  );

  /** About the call at hand. */
  const ofCall = useCallback(
    (type: string, more: Record<string, unknown> = {}) => {
      const { call } = latest.current;
      if (call && isLive(call)) command(type, { call_id: call.call_id, ...more });
    },
    [command],
  );

  const aside = state.handed?.phase === "consulting" || state.handed?.phase === "joined";
  useWarningBeforeLeaving(live || aside);

  return {
    state,
    line: lineState,
    owner: ownership,
    ...opened,
    dialling,
    hasAudio,
    network,
    keyError,
    ready: useCallback(() => command("ready"), [command]),
    pause: useCallback(() => command("pause"), [command]),
    dial,
    caller,
    handed,
    accept,
    decline,
    declineTransfer,
    transfer: useCallback(
      (mode: HandOver["mode"], to: { kind: HandOver["kind"]; id: string }) =>
        ofCall("transfer", { mode, to }),
      [ofCall],
    ),
    completeTransfer: useCallback(() => ofCall("transfer_complete"), [ofCall]),
    joinTransfer: useCallback(() => ofCall("transfer_join"), [ofCall]),
    handedMuted,
    muteHanded: useCallback((on: boolean) => {
      phone.current?.mute(on);
      setHandedMuted(on);
    }, []),
    cancelTransfer: useCallback(() => ofCall("transfer_cancel"), [ofCall]),
    hangUp: useCallback(() => command("hang_up"), [command]),
    mute: useCallback(
      (on: boolean) => {
        // At once here, so that a slow line cannot carry a word that was not meant.
        phone.current?.mute(on);
        command("mute", { on });
      },
      [command],
    ),
    hold: useCallback((on: boolean) => command("hold", { on }), [command]),
    keypad: useCallback((digits: string) => command("keypad", { digits }), [command]),
    endPolitely: useCallback((reason: string) => command("end_politely", { reason }), [command]),
    tick: useCallback(
      (step: string, on: boolean, callId?: string) =>
        command("tick", { step, on, call_id: callId }),
      [command],
    ),
    judge: useCallback(
      (callId: string, confirmed: boolean) => command("judge", { call_id: callId, confirmed }),
      [command],
    ),
    later: useCallback((callId: string) => command("later", { call_id: callId }), [command]),
    extend: useCallback((callId: string) => command("extend", { call_id: callId }), [command]),
    resume,
    changeDevices: useCallback(() => {
      phone.current?.changeDevices().catch(microphoneFailed);
    }, [microphoneFailed]),
    devicesChanged: useCallback(async () => {
      try {
        return (await phone.current?.devicesChanged()) ?? null;
      } catch (error) {
        microphoneFailed(error);
        return null;
      }
    }, [microphoneFailed]),
    outcomeSaved: useCallback(
      (callId: string) => dispatch({ kind: "outcome_saved", call_id: callId }),
      [],
    ),
    errorRead: useCallback(() => dispatch({ kind: "error_read" }), []),
    takeOver: useCallback(() => {
      taking.current = true;
      if (ownership === "mine") line.current?.takeOver();
      else owner.current?.takeOver();
    }, [ownership]),
    signedInAgain: useCallback(() => {
      dispatch({ kind: "signed_in" });
      newKey(me).then(setKey, setKeyError);
    }, [me]),
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

/** Opens the work order of a call that rings here; nothing of it is kept. */
function useRinging(
  me: Me,
  key: KeptKey | null,
  state: DeskState,
  envelope: Envelope | null,
): WorkOrder | null {
  const [caller, setCaller] = useState<WorkOrder | null>(null);
  const clock = useRef(state.offset);
  clock.current = state.offset;
  useEffect(() => {
    setCaller(null);
    if (!envelope || !key) return;
    let stale = false;
    const opener = {
      pair: key.pair,
      kid: key.kid,
      agent: me.user.id,
      sessionTag: key.session_tag,
      now: Date.now() + clock.current,
    };
    openEnvelope(envelope, opener).then(
      (order) => !stale && setCaller(order),
      // One that cannot be opened shows no case: the call can be taken all the same.
      () => undefined,
    );
    return () => {
      stale = true;
    };
  }, [envelope, key, me.user.id]);
  return caller;
}

function useWarningBeforeLeaving(live: boolean): void {
  useEffect(() => {
    if (!live) return;
    const warn = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener("beforeunload", warn);
    return () => window.removeEventListener("beforeunload", warn);
  }, [live]);
}
