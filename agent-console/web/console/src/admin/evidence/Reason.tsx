// Asks why: nothing about evidence is done without a reason.

import { Input, Modal } from "antd";
import { type ReactNode, useId, useState } from "react";
import { useTranslation } from "react-i18next";
import { Failed } from "../../ui/problem.tsx";
import { useFocusBack } from "../../ui/useFocusBack.ts";

export function Reason(props: {
  title: string;
  help: string;
  confirm: string;
  pending: boolean;
  error: unknown;
  /** What cannot be undone. */
  danger?: boolean;
  /** What is told before. */
  children?: ReactNode;
  onDone: (reason: string) => void;
  onClose: () => void;
}) {
  useFocusBack();
  const { t } = useTranslation();
  const [text, setText] = useState("");
  const field = useId();
  return (
    <Modal
      open
      title={props.title}
      okText={props.confirm}
      cancelText={t("evidence.cancel")}
      okButtonProps={{
        danger: props.danger,
        disabled: text.trim() === "",
        loading: props.pending,
      }}
      onOk={() => props.onDone(text.trim())}
      onCancel={props.onClose}
    >
      {props.children}
      <p className="muted">{props.help}</p>
      <label htmlFor={field}>{t("evidence.reason")}</label>
      <Input.TextArea
        id={field}
        data-testid="reason"
        autoFocus
        rows={3}
        maxLength={500}
        value={text}
        onChange={(event) => setText(event.target.value)}
      />
      {props.error ? <Failed error={props.error} /> : null}
    </Modal>
  );
}
