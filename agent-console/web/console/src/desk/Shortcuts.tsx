// The list of keys, on `?`.

import { Modal } from "antd";
import { useTranslation } from "react-i18next";

/** Every key of the desk, and what it does. */
export const KEYS: [string, string][] = [
  ["Alt A", "keys.accept"],
  ["Alt D", "keys.dial"],
  ["Alt M", "keys.mute"],
  ["Alt E ×2", "keys.hang_up"],
  ["Alt H", "keys.hold"],
  ["Alt K", "keys.keypad"],
  ["Alt G", "keys.polite"],
  ["Alt Z", "keys.transfer"],
  ["Alt J", "keys.join"],
  ["Alt Y / Alt N", "keys.judge"],
  ["Alt T", "keys.tick"],
  ["Alt F", "keys.form"],
  ["1 – 9", "keys.digits"],
  ["- 1 – 9", "keys.more"],
  ["0", "keys.zero"],
  ["Ctrl ↵", "keys.save"],
  ["?", "keys.help"],
];

export function Shortcuts({ open, onClose }: { open: boolean; onClose: () => void }) {
  const { t } = useTranslation();
  return (
    <Modal
      open={open}
      onCancel={onClose}
      onOk={onClose}
      footer={null}
      width={760}
      destroyOnHidden
      title={t("keys.title")}
    >
      <dl className="shortcuts">
        {KEYS.map(([key, text]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{t(text)}</dd>
          </div>
        ))}
      </dl>
      <p className="muted">{t("keys.note")}</p>
    </Modal>
  );
}
