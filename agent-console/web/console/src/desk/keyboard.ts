// The keyboard of the desk. Alt with a letter acts anywhere; bare digits, `-` and `?` only while
// no text field has the focus and no input method is composing, for they are text there.

import { useEffect, useRef } from "react";

export type DeskKey =
  | { do: "dial" }
  | { do: "accept" }
  | { do: "mute" }
  | { do: "hang_up" }
  | { do: "hold" }
  | { do: "keypad" }
  | { do: "end_politely" }
  | { do: "transfer" }
  | { do: "join" }
  | { do: "judge"; confirmed: boolean }
  | { do: "tick" }
  | { do: "form" }
  | { do: "digit"; digit: number }
  | { do: "more" }
  | { do: "save" }
  | { do: "help" };

interface Pressed {
  code: string;
  key: string;
  altKey: boolean;
  ctrlKey: boolean;
  metaKey: boolean;
  isComposing: boolean;
  /** 229 while an input method has the key, also where `isComposing` is not set yet. */
  keyCode: number;
  repeat: boolean;
}

export const LETTERS: Record<string, DeskKey> = {
  KeyA: { do: "accept" },
  KeyD: { do: "dial" },
  KeyM: { do: "mute" },
  KeyE: { do: "hang_up" },
  KeyH: { do: "hold" },
  KeyK: { do: "keypad" },
  KeyG: { do: "end_politely" },
  KeyT: { do: "tick" },
  KeyF: { do: "form" },
  KeyZ: { do: "transfer" },
  KeyJ: { do: "join" },
  KeyY: { do: "judge", confirmed: true },
  KeyN: { do: "judge", confirmed: false },
};

/** What a key press means here; nothing for most. */
export function meaning(event: Pressed, inTextField: boolean): DeskKey | null {
  // A key held down repeats; nothing here is meant more than once.
  if (event.isComposing || event.keyCode === 229 || event.repeat) return null;
  if (event.altKey && !event.ctrlKey && !event.metaKey) return LETTERS[event.code] ?? null;
  if ((event.ctrlKey || event.metaKey) && event.key === "Enter") return { do: "save" };
  if (event.altKey || event.ctrlKey || event.metaKey || inTextField) return null;
  if (event.key === "?") return { do: "help" };
  if (event.key === "-") return { do: "more" };
  if (/^[0-9]$/.test(event.key)) return { do: "digit", digit: Number(event.key) };
  return null;
}

/** Whether typing goes into this element. */
export function isTextField(element: Element | null): boolean {
  if (!(element instanceof HTMLElement)) return false;
  if (element.isContentEditable || element instanceof HTMLTextAreaElement) return true;
  if (element instanceof HTMLSelectElement) return true;
  return (
    element instanceof HTMLInputElement && !["radio", "checkbox", "button"].includes(element.type)
  );
}

export function useDeskKeys(act: (key: DeskKey) => void): void {
  const current = useRef(act);
  current.current = act;
  useEffect(() => {
    const listen = (event: KeyboardEvent) => {
      const key = meaning(event, isTextField(document.activeElement));
      if (!key) return;
      event.preventDefault();
      current.current(key);
    };
    window.addEventListener("keydown", listen);
    return () => window.removeEventListener("keydown", listen);
  }, []);
}
