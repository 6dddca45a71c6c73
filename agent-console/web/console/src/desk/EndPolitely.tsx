// Ending a call that cannot go on: why, and what happens then. The party hears a sentence of
// farewell; the judge is told, but for a child, with whom nobody talks on.

import { Button, Modal } from "antd";
import { useEffect } from "react";
import { useTranslation } from "react-i18next";

const REASONS = ["abuse", "threat", "self_harm", "child", "other"] as const;

interface EndPolitelyProps {
  open: boolean;
  onEnd: (reason: string) => void;
  onClose: () => void;
}

export function EndPolitely({ open, onEnd, onClose }: EndPolitelyProps) {
  const { t } = useTranslation();

  useEffect(() => {
    if (!open) return;
    const listen = (event: KeyboardEvent) => {
      if (event.altKey || event.ctrlKey || event.metaKey || event.isComposing) return;
      const reason = REASONS[Number(event.key) - 1];
      if (!reason || event.repeat) return;
      event.preventDefault();
      onEnd(reason);
    };
    window.addEventListener("keydown", listen);
    return () => window.removeEventListener("keydown", listen);
  }, [open, onEnd]);
  return (
    <Modal
      open={open}
      onCancel={onClose}
      footer={null}
      destroyOnHidden
      width={440}
      title={t("polite.title")}
    >
      <p className="muted">{t("polite.why")}</p>
      <ul className="reasons">
        {REASONS.map((reason, n) => (
          <li key={reason}>
            <Button
              block
              size="large"
              autoFocus={n === 0}
              data-testid={`polite-${reason}`}
              onClick={() => onEnd(reason)}
            >
              <kbd>{n + 1}</kbd>
              <span className="grow">{t(`polite.${reason}`)}</span>
              <span className="muted small">
                {t(reason === "child" ? "polite.no_judge" : "polite.judge")}
              </span>
            </Button>
          </li>
        ))}
      </ul>
    </Modal>
  );
}
