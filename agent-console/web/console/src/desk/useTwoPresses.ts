// Hanging up asks for a second press within three seconds: a slip must not end a call that
// took a day to get.

import { useCallback, useEffect, useState } from "react";

const WINDOW_MS = 3_000;

export interface TwoPresses {
  armed: boolean;
  press: () => void;
}

export function useTwoPresses(act: () => void, enabled: boolean): TwoPresses {
  const [armed, setArmed] = useState(false);

  useEffect(() => {
    if (!armed) return;
    const timer = window.setTimeout(() => setArmed(false), WINDOW_MS);
    return () => window.clearTimeout(timer);
  }, [armed]);

  useEffect(() => {
    if (!enabled) setArmed(false);
  }, [enabled]);

  const press = useCallback(() => {
    if (!enabled) return;
    if (armed) act();
    setArmed(!armed);
  }, [act, armed, enabled]);

  return { armed: armed && enabled, press };
}
