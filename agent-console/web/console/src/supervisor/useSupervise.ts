// The supervisor's place in a call, for the page.

import { useCallback, useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { NoMicrophone } from "../desk/media.ts";
import type { Me } from "../lib/types.ts";
import { toast } from "../ui/toast.ts";
import { type Place, Supervisor, type Watching } from "./supervise.ts";

export interface Supervise {
  place: Place | null;
  go: (callId: string, agent: string, what: Watching) => void;
  leave: () => void;
}

export function useSupervise(me: Me, audio: () => HTMLAudioElement | null): Supervise {
  const { t, i18n } = useTranslation();
  const [place, setPlace] = useState<Place | null>(null);
  const supervisor = useRef<Supervisor | null>(null);
  const say = useRef<(code: string) => void>(() => undefined);
  say.current = (code) => {
    const key = `supervise.over.${code}`;
    toast(t(i18n.exists(key) ? key : "supervise.over.lost"));
  };
  const raw = me.demo && new URLSearchParams(window.location.search).get("raw") === "1";
  useEffect(() => {
    const made = new Supervisor(audio, raw, {
      place: setPlace,
      over: (code) => say.current(code),
    });
    supervisor.current = made;
    return () => {
      made.close();
      supervisor.current = null;
    };
  }, [audio, raw]);
  const go = useCallback((callId: string, agent: string, what: Watching) => {
    supervisor.current?.go(callId, agent, what).catch((error) => {
      say.current(error instanceof NoMicrophone ? `microphone.${error.why}` : "lost");
    });
  }, []);
  const leave = useCallback(() => supervisor.current?.leave(), []);
  return { place, go, leave };
}

const KEYS: Record<string, Watching> = { KeyL: "listen", KeyW: "whisper", KeyB: "barge" };

/** While he is in a call: Alt with a letter changes what he does, Alt E takes him out. */
export function useSuperviseKeys({ place, go, leave }: Supervise): void {
  useEffect(() => {
    if (!place) return;
    const listen = (event: KeyboardEvent) => {
      if (!event.altKey || event.ctrlKey || event.metaKey || event.repeat) return;
      const what = KEYS[event.code];
      if (!what && event.code !== "KeyE") return;
      event.preventDefault();
      if (!what) leave();
      else if (what !== place.what) go(place.call_id, place.agent, what);
    };
    window.addEventListener("keydown", listen);
    return () => window.removeEventListener("keydown", listen);
  }, [place, go, leave]);
}
