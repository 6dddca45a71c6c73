// What is typed into a desk phone. The password is shown this once.

import { Button, Modal, Typography } from "antd";
import { useTranslation } from "react-i18next";
import type { PhoneSecret, PhoneWay } from "../../lib/types.ts";
import { useFocusBack } from "../../ui/useFocusBack.ts";
import { isWeb } from "./words.ts";

export function PhonePassword(props: {
  secret: PhoneSecret;
  realm: string;
  ways: PhoneWay[];
  onClose: () => void;
}) {
  const { secret, realm, ways, onClose } = props;
  useFocusBack();
  const { t } = useTranslation();
  const rows = [
    { label: t("phones.extension"), value: secret.phone.extension },
    { label: t("lines.field.password"), value: secret.password },
    { label: t("phones.domain"), value: realm },
  ];
  return (
    <Modal
      open
      title={t("phones.password_of", { name: secret.phone.name })}
      onCancel={onClose}
      mask={{ closable: false }}
      footer={
        <Button type="primary" onClick={onClose}>
          {t("phones.noted")}
        </Button>
      }
    >
      <p>{t("phones.once")}</p>
      <table className="phone-secret">
        <tbody>
          {rows.map(({ label, value }) => (
            <tr key={label}>
              <th scope="row">{label}</th>
              <td>
                <Typography.Text copyable={{ text: value }} className="mono">
                  {value}
                </Typography.Text>
              </td>
            </tr>
          ))}
          <tr>
            <th scope="row">{t("phones.server")}</th>
            <td className="mono">
              {ways.map((way) => (
                <div key={`${way.protocol} ${way.address}`}>
                  {way.protocol} {way.address}
                </div>
              ))}
            </td>
          </tr>
        </tbody>
      </table>
      {ways.some(isWeb) && <p className="muted small">{t("phones.wss")}</p>}
    </Modal>
  );
}
