// The devices again, during the day: chosen anew, heard once more.

import { Button, Modal } from "antd";
import { useTranslation } from "react-i18next";
import { ring, testTone } from "./bell.ts";
import { DeviceChoice } from "./DeviceChoice.tsx";

interface DeviceSettingsProps {
  open: boolean;
  onChosen: () => void;
  onClose: () => void;
}

export function DeviceSettings({ open, onChosen, onClose }: DeviceSettingsProps) {
  const { t } = useTranslation();
  return (
    <Modal
      open={open}
      onCancel={onClose}
      footer={null}
      title={t("devices.settings")}
      destroyOnHidden
    >
      <DeviceChoice onChosen={(use) => use !== "bell" && onChosen()} />
      <div className="row">
        <Button onClick={() => void testTone()}>{t("devices.tone")}</Button>
        <Button onClick={() => void ring()}>{t("devices.ring")}</Button>
      </div>
      <p className="muted">{t("devices.remembered")}</p>
    </Modal>
  );
}
