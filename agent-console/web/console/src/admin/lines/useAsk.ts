// Asks for a change: what a form wants goes to the server and waits there for a second
// person. What the server says of a field is shown at that field.

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormInstance, message } from "antd";
import { useTranslation } from "react-i18next";
import { id, Problem, post, put } from "../../lib/http.ts";
import { fieldPath, TELEPHONY } from "./forms.ts";

export function useAsk<Form extends object>(options: {
  path: string;
  row: { id: string; version: number } | null;
  form: FormInstance<Form>;
  onDone: () => void;
}) {
  const { path, row, form, onDone } = options;
  const { t } = useTranslation();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (wanted: Form) =>
      row
        ? put(`${path}/${id(row.id)}`, { version: row.version, form: wanted })
        : post(path, wanted),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: TELEPHONY });
      void message.success(t("lines.asked_done"));
      onDone();
    },
    onError: (error) => {
      if (!(error instanceof Problem) || !error.field) return;
      const name = fieldPath(error.field);
      form.setFields([{ name: name as never, errors: [error.detail] }]);
      form.scrollToField(name);
    },
  });
}
