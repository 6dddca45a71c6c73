// One trunk: what the carrier's sheet says goes in here.

import { Button, Checkbox, Drawer, Form, Input, InputNumber, Radio, Select, Switch } from "antd";
import { useTranslation } from "react-i18next";
import type { TrunkForm, TrunkRow } from "../../lib/types.ts";
import { Failed } from "../../ui/problem.tsx";
import { useFocusBack } from "../../ui/useFocusBack.ts";
import { losesKeys, TRUNKS } from "./forms.ts";
import { useAsk } from "./useAsk.ts";

const ABROAD = ["hong_kong", "macau", "taiwan", "foreign"] as const;
const STYLES = ["national", "e164", "country_code"] as const;

export function TrunkDrawer(props: {
  row: TrunkRow | null;
  begin: TrunkForm;
  onClose: () => void;
}) {
  const { row, begin, onClose } = props;
  useFocusBack();
  const { t } = useTranslation();
  const [form] = Form.useForm<TrunkForm>();
  const ask = useAsk({ path: TRUNKS, row, form, onDone: onClose });
  const secret = Form.useWatch(["profile", "transport"], form) === "tls";
  const label = (field: string) => t(`lines.field.${field}`);
  const choices = (group: string, values: readonly string[]) =>
    values.map((value) => ({ value, label: t(`lines.${group}.${value}`) }));
  return (
    <Drawer
      open
      size={560}
      title={row ? t("lines.edit_trunk", { name: row.name }) : t("lines.add_trunk")}
      onClose={onClose}
      footer={<Foot busy={ask.isPending} onCancel={onClose} onAsk={() => form.submit()} />}
    >
      <Form<TrunkForm>
        form={form}
        layout="vertical"
        className="line-form"
        initialValues={begin}
        onValuesChange={(changed) => {
          if (losesKeys(changed)) form.setFieldValue(["profile", "srtp"], "off");
        }}
        onFinish={(values) => ask.mutate({ ...values, password: values.password || null })}
      >
        <Form.Item name="name" label={label("name")} rules={[{ required: true, max: 40 }]}>
          <Input data-testid="trunk-name" />
        </Form.Item>
        <Form.Item name="state" label={t("users.state")}>
          <Radio.Group options={choices("state", ["active", "paused"])} />
        </Form.Item>

        <h3>{t("lines.part.way")}</h3>
        <Form.Item
          name={["profile", "hosts"]}
          label={label("hosts")}
          extra={t("lines.hint.hosts")}
          rules={[{ required: true, type: "array", min: 1 }]}
        >
          <Select mode="tags" open={false} tokenSeparators={[",", " "]} suffixIcon={null} />
        </Form.Item>
        <Form.Item
          name={["profile", "accept"]}
          label={label("accept")}
          extra={t("lines.hint.accept")}
        >
          <Select mode="tags" open={false} tokenSeparators={[",", " ", "\n"]} suffixIcon={null} />
        </Form.Item>
        <Form.Item name={["profile", "transport"]} label={label("transport")}>
          <Radio.Group
            options={["udp", "tcp", "tls"].map((value) => ({ value, label: value.toUpperCase() }))}
          />
        </Form.Item>
        <Form.Item
          name={["profile", "srtp"]}
          label={label("srtp")}
          extra={t(secret ? "lines.hint.srtp" : "lines.hint.srtp_tls")}
        >
          <Radio.Group
            data-testid="trunk-srtp"
            options={choices("srtp", ["off", "optional", "required"]).map((choice) => ({
              ...choice,
              disabled: !secret && choice.value !== "off",
            }))}
          />
        </Form.Item>
        <Form.Item
          name={["profile", "media_source"]}
          label={label("media_source")}
          extra={t("lines.hint.media_source")}
        >
          <Radio.Group options={choices("source", ["strict", "port", "any"])} />
        </Form.Item>
        <Form.Item name="domain" label={label("domain")} rules={[{ required: true }]}>
          <Input />
        </Form.Item>
        <Form.Item name={["profile", "register"]} label={label("register")}>
          <Radio.Group
            options={[
              { value: true, label: t("lines.register.true") },
              { value: false, label: t("lines.register.false") },
            ]}
          />
        </Form.Item>
        <div className="pair">
          <Form.Item name="username" label={label("username")}>
            <Input autoComplete="off" />
          </Form.Item>
          <Form.Item
            name="password"
            label={label("password")}
            extra={row?.password_set ? t("lines.hint.password_set") : undefined}
          >
            <Input.Password autoComplete="new-password" />
          </Form.Item>
        </div>

        <h3>{t("lines.part.limits")}</h3>
        <div className="pair">
          <Form.Item name={["profile", "weight"]} label={label("weight")}>
            <InputNumber min={1} max={100} />
          </Form.Item>
          <Form.Item name={["profile", "max_calls"]} label={label("max_calls")}>
            <InputNumber min={0} max={10_000} />
          </Form.Item>
          <Form.Item
            name={["profile", "max_calls_per_second"]}
            label={label("max_calls_per_second")}
          >
            <InputNumber min={0} max={1_000} />
          </Form.Item>
          <Form.Item name={["profile", "calls_per_day"]} label={label("calls_per_day")}>
            <InputNumber min={0} max={1_000_000} />
          </Form.Item>
        </div>
        <p className="muted small">{t("lines.hint.no_limit")}</p>

        <h3>{t("lines.part.called")}</h3>
        <Form.Item name={["profile", "called", "style"]} label={label("called.style")}>
          <Radio.Group options={choices("style", STYLES)} />
        </Form.Item>
        <div className="pair">
          <Form.Item
            name={["profile", "called", "access_prefix"]}
            label={label("called.access_prefix")}
          >
            <Input maxLength={6} />
          </Form.Item>
          <Form.Item name={["profile", "called", "home", "area"]} label={label("called.home.area")}>
            <Input maxLength={4} />
          </Form.Item>
        </div>
        <Check name={["profile", "called", "own_area_without_code"]}>
          {label("called.own_area_without_code")}
        </Check>
        <Check name={["profile", "called", "zero_before_distant_mobiles"]}>
          {label("called.zero_before_distant_mobiles")}
        </Check>
        <Form.Item
          name={["profile", "called", "home", "mobiles"]}
          label={label("called.home.mobiles")}
          extra={t("lines.hint.mobiles")}
        >
          <Select
            mode="tags"
            open={false}
            tokenSeparators={[",", " ", "\n"]}
            suffixIcon={null}
            maxTagCount={8}
          />
        </Form.Item>
        <Form.Item name={["profile", "called", "abroad"]} label={label("called.abroad")}>
          <Checkbox.Group options={choices("abroad", ABROAD)} />
        </Form.Item>

        <h3>{t("lines.part.calling")}</h3>
        <Form.Item name={["profile", "calling", "style"]} label={label("calling.style")}>
          <Radio.Group options={choices("style", STYLES)} />
        </Form.Item>
        <Check name={["profile", "calling", "without_area"]}>{label("calling.without_area")}</Check>
        <Form.Item name={["profile", "headers", "from"]} label={label("headers.from")}>
          <Radio.Group options={choices("from", ["number", "account"])} />
        </Form.Item>
        <Form.Item name={["profile", "headers", "identity"]} label={label("headers.identity")}>
          <Radio.Group options={choices("identity", ["asserted", "preferred", "none"])} />
        </Form.Item>
        <Form.Item
          name={["profile", "headers", "identity_uri"]}
          label={label("headers.identity_uri")}
        >
          <Radio.Group options={["sip", "tel"].map((value) => ({ value, label: `${value}:` }))} />
        </Form.Item>
        <Form.Item
          name={["profile", "headers", "privacy_none"]}
          label={label("headers.privacy_none")}
          valuePropName="checked"
        >
          <Switch />
        </Form.Item>
        <div className="pair">
          <Form.Item
            name={["profile", "codecs"]}
            label={label("codecs")}
            extra={t("lines.hint.codecs")}
          >
            <Select
              mode="multiple"
              options={["pcma", "pcmu"].map((value) => ({ value, label: value.toUpperCase() }))}
            />
          </Form.Item>
          <Form.Item
            name={["profile", "session_expires_s"]}
            label={label("session_expires_s")}
            extra={t("lines.hint.session_expires_s")}
          >
            <InputNumber min={0} max={86_400} />
          </Form.Item>
        </div>
        {ask.error && <Failed error={ask.error} />}
      </Form>
    </Drawer>
  );
}

function Check({ name, children }: { name: (string | number)[]; children: string }) {
  return (
    <Form.Item name={name as never} valuePropName="checked">
      <Checkbox>{children}</Checkbox>
    </Form.Item>
  );
}

/** The foot of each form here: nothing takes effect before a second person approves. */
export function Foot(props: { busy: boolean; onCancel: () => void; onAsk: () => void }) {
  const { t } = useTranslation();
  return (
    <div className="row">
      <span className="muted small grow">{t("lines.second_person")}</span>
      <Button onClick={props.onCancel}>{t("lines.cancel")}</Button>
      <Button type="primary" data-testid="ask" loading={props.busy} onClick={props.onAsk}>
        {t("lines.ask")}
      </Button>
    </div>
  );
}
