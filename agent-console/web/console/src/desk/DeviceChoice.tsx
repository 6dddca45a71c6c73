// Microphone, headset and bell, each by its name.

import { useState } from "react";
import { useTranslation } from "react-i18next";
import { chooseDevice, chosenDevices, type DeviceUse } from "./devices.ts";
import { useDevices } from "./useDevices.ts";

export function DeviceChoice({ onChosen }: { onChosen?: (use: DeviceUse) => void }) {
  const { t } = useTranslation();
  const { inputs, outputs } = useDevices();
  const [choice, setChoice] = useState(chosenDevices);
  const uses: { use: DeviceUse; list: typeof inputs }[] = [
    { use: "microphone", list: inputs },
    { use: "speaker", list: outputs },
    { use: "bell", list: outputs },
  ];
  return (
    <div className="device-choice">
      {uses.map(({ use, list }) => (
        <label key={use}>
          <span>{t(`devices.use.${use}`)}</span>
          <select
            data-testid={`device-${use}`}
            value={list.some((device) => device.label === choice[use]) ? choice[use] : ""}
            onChange={(event) => {
              setChoice(chooseDevice(use, event.target.value));
              onChosen?.(use);
            }}
          >
            <option value="">{t("devices.system")}</option>
            {list
              .filter((device) => device.label !== "")
              .map((device) => (
                <option key={device.id} value={device.label}>
                  {device.label}
                </option>
              ))}
          </select>
        </label>
      ))}
    </div>
  );
}
