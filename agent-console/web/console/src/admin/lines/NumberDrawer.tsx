// One number of the court, with the file that proves it.

import { useMutation } from "@tanstack/react-query";
import { Button, Drawer, Form, Input, Radio, Select, Switch } from "antd";
import { useRef } from "react";
import { useTranslation } from "react-i18next";
import { upload } from "../../lib/http.ts";
import type { NumberForm, NumberRow, TrunkRow } from "../../lib/types.ts";
import { Failed } from "../../ui/problem.tsx";
import { useFocusBack } from "../../ui/useFocusBack.ts";
import { NUMBERS } from "./forms.ts";
import { Foot } from "./TrunkDrawer.tsx";
import { useAsk } from "./useAsk.ts";

const STATES = ["none", "applied", "registered", "refused"];

export function NumberDrawer(props: {
  row: NumberRow | null;
  trunks: TrunkRow[];
  begin: NumberForm;
  onClose: () => void;
}) {
  const { row, trunks, begin, onClose } = props;
  useFocusBack();
  const { t } = useTranslation();
  const [form] = Form.useForm<NumberForm>();
  const ask = useAsk({ path: NUMBERS, row, form, onDone: onClose });
  const label = (field: string) => t(`lines.field.${field}`);
  const [number, carrier] = [Form.useWatch("number", form), Form.useWatch("carrier", form)];
  // What is on file proves this number of this carrier alone.
  const isOther = row !== null && (number !== row.number || carrier !== row.carrier);
  const proofHint = !row?.proof ? "proof" : isOther ? "proof_other" : "proof_kept";
  return (
    <Drawer
      open
      size={480}
      title={row ? t("lines.edit_number", { name: row.number }) : t("lines.add_number")}
      onClose={onClose}
      footer={<Foot busy={ask.isPending} onCancel={onClose} onAsk={() => form.submit()} />}
    >
      <Form<NumberForm>
        form={form}
        layout="vertical"
        className="line-form"
        initialValues={begin}
        onFinish={(values) => ask.mutate({ ...begin, ...values })}
      >
        <Form.Item name="number" label={label("number")} rules={[{ required: true }]}>
          <Input data-testid="number" inputMode="numeric" maxLength={12} placeholder="029…" />
        </Form.Item>
        <Form.Item name="carrier" label={label("carrier")} rules={[{ required: true, max: 40 }]}>
          <Input />
        </Form.Item>
        <Form.Item name="trunks" label={t("lines.over")} rules={[{ required: true }]}>
          <Select
            mode="multiple"
            options={trunks.map((trunk) => ({ value: trunk.id, label: trunk.name }))}
          />
        </Form.Item>
        <Form.Item name="proof" label={label("proof")} extra={t(`lines.hint.${proofHint}`)}>
          <Proof />
        </Form.Item>
        <div className="pair">
          <Form.Item name="valid_from" label={label("valid_from")}>
            <Input type="date" />
          </Form.Item>
          <Form.Item name="valid_until" label={label("valid_until")}>
            <Input type="date" />
          </Form.Item>
        </div>
        <Form.Item name="label" label={label("label")} rules={[{ max: 40 }]}>
          <Input />
        </Form.Item>
        <Form.Item name="registration" label={label("registration")}>
          <Radio.Group
            options={STATES.map((value) => ({ value, label: t(`lines.label.${value}`) }))}
          />
        </Form.Item>
        <Form.Item name="active" label={label("active")} valuePropName="checked">
          <Switch data-testid="number-active" />
        </Form.Item>
        {ask.error && <Failed error={ask.error} />}
      </Form>
    </Drawer>
  );
}

/** Takes a file in at once; the form holds the name under which the server keeps it. */
function Proof(props: { id?: string; value?: string | null; onChange?: (id: string) => void }) {
  const { t } = useTranslation();
  const chosen = useRef("");
  const input = useRef<HTMLInputElement>(null);
  const send = useMutation({
    mutationFn: (file: File) => upload<{ id: string }>("/telephony/proofs", file),
    onSuccess: (proof) => props.onChange?.(proof.id),
  });
  return (
    <>
      <Button id={props.id} loading={send.isPending} onClick={() => input.current?.click()}>
        {t("lines.proof_choose")}
      </Button>
      <input
        ref={input}
        hidden
        data-testid="proof"
        type="file"
        accept="application/pdf,image/png,image/jpeg"
        onChange={(event) => {
          const file = event.target.files?.[0];
          if (!file) return;
          chosen.current = file.name;
          send.mutate(file);
        }}
      />
      <div className="muted small" role="status">
        {props.value && t("lines.proof_taken", { name: chosen.current })}
      </div>
      {send.error && <Failed error={send.error} />}
    </>
  );
}
