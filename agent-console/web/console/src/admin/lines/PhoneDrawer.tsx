// One desk phone: its extension once, its name and its owner at any time.

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Button, Drawer, Form, Input, Select } from "antd";
import { useTranslation } from "react-i18next";
import { get, id, Problem, post, put } from "../../lib/http.ts";
import type { PhoneNew, PhoneRow, PhoneSecret, UserRow } from "../../lib/types.ts";
import { Failed } from "../../ui/problem.tsx";
import { useFocusBack } from "../../ui/useFocusBack.ts";
import { fieldPath, PHONES, TELEPHONY } from "./forms.ts";

export function PhoneDrawer(props: {
  row: PhoneRow | null;
  onClose: () => void;
  onMade: (secret: PhoneSecret) => void;
}) {
  const { row, onClose, onMade } = props;
  useFocusBack();
  const { t } = useTranslation();
  const queries = useQueryClient();
  const [form] = Form.useForm<PhoneNew>();
  const people = useQuery({
    queryKey: ["users"],
    queryFn: () => get<{ items: UserRow[] }>("/users").then((page) => page.items),
  });
  const save = useMutation({
    mutationFn: async (wanted: PhoneNew) => {
      const owner_id = wanted.owner_id ?? null;
      if (row) {
        await put(`${PHONES}/${id(row.id)}`, { name: wanted.name, owner_id });
        return null;
      }
      return await post<PhoneSecret>(PHONES, { ...wanted, owner_id });
    },
    onSuccess: async (made) => {
      await queries.invalidateQueries({ queryKey: TELEPHONY });
      onClose();
      if (made) onMade(made);
    },
    onError: (error) => {
      if (!(error instanceof Problem) || !error.field) return;
      form.setFields([{ name: fieldPath(error.field) as never, errors: [error.detail] }]);
    },
  });
  return (
    <Drawer
      open
      size={440}
      title={row ? t("phones.edit", { extension: row.extension }) : t("phones.add")}
      onClose={onClose}
      footer={
        <div className="row">
          <span className="grow" />
          <Button onClick={onClose}>{t("lines.cancel")}</Button>
          <Button
            type="primary"
            data-testid="save-phone"
            loading={save.isPending}
            onClick={() => form.submit()}
          >
            {t(row ? "phones.save" : "phones.make")}
          </Button>
        </div>
      }
    >
      {save.error && !(save.error instanceof Problem && save.error.field) && (
        <Failed error={save.error} />
      )}
      <Form<PhoneNew>
        form={form}
        layout="vertical"
        initialValues={{
          extension: row?.extension ?? "",
          name: row?.name ?? "",
          owner_id: row?.owner_id ?? undefined,
        }}
        onFinish={(values) => save.mutate(values)}
      >
        {!row && (
          <Form.Item
            name="extension"
            label={t("phones.extension")}
            extra={t("phones.hint.extension")}
            rules={[{ required: true, pattern: /^\d{3,6}$/ }]}
          >
            <Input inputMode="numeric" maxLength={6} data-testid="phone-extension" />
          </Form.Item>
        )}
        <Form.Item
          name="name"
          label={t("lines.field.name")}
          extra={t("phones.hint.name")}
          rules={[{ required: true, max: 40 }]}
        >
          <Input data-testid="phone-name" />
        </Form.Item>
        <Form.Item name="owner_id" label={t("phones.owner")}>
          <Select
            allowClear
            showSearch
            optionFilterProp="label"
            loading={people.isPending}
            options={people.data?.map((user) => ({ value: user.id, label: user.name }))}
          />
        </Form.Item>
      </Form>
    </Drawer>
  );
}
