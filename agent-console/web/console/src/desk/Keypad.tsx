// Keys for the far end: an extension, a menu. They go out as the telephone sends them, and
// what the party presses is shown beside them.

import { Button, Modal } from "antd";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import type { CallState } from "../lib/types.ts";

const KEYS = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "0", "#"];

interface KeypadProps {
  open: boolean;
  call: CallState | null;
  onPress: (digit: string) => void;
  onClose: () => void;
}

export function Keypad({ open, call, onPress, onClose }: KeypadProps) {
  const { t } = useTranslation();
  const [sent, setSent] = useState("");

  useEffect(() => {
    if (open) setSent("");
  }, [open]);

  const press = (digit: string) => {
    onPress(digit);
    setSent((before) => (before + digit).slice(-24));
  };

  useEffect(() => {
    if (!open) return;
    const listen = (event: KeyboardEvent) => {
      if (event.altKey || event.ctrlKey || event.metaKey || event.isComposing) return;
      if (!KEYS.includes(event.key)) return;
      // The desk's own digits choose an outcome; here they are keys.
      event.preventDefault();
      event.stopPropagation();
      onPress(event.key);
      setSent((before) => (before + event.key).slice(-24));
    };
    window.addEventListener("keydown", listen, { capture: true });
    return () => window.removeEventListener("keydown", listen, { capture: true });
  }, [open, onPress]);

  return (
    <Modal
      open={open}
      onCancel={onClose}
      footer={null}
      destroyOnHidden
      width={300}
      title={t("keypad.title")}
    >
      <p className="keypad-sent" aria-live="polite" data-testid="keypad-sent">
        {sent || t("keypad.none")}
      </p>
      <div className="keypad">
        {KEYS.map((digit) => (
          <Button
            key={digit}
            size="large"
            data-testid={`key-${digit}`}
            onClick={() => press(digit)}
          >
            {digit}
          </Button>
        ))}
      </div>
      {call?.digits_in && (
        <p data-testid="keypad-received">{t("keypad.received", { digits: call.digits_in })}</p>
      )}
      <p className="muted small">{t("keypad.note")}</p>
    </Modal>
  );
}
