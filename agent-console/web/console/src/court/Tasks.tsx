// All tasks that a person may see, by phase.

import { Select } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useWords } from "../i18n/index.ts";
import { id } from "../lib/http.ts";
import type { TaskRow } from "../lib/types.ts";
import { List } from "../ui/List.tsx";
import { PHASES } from "./phases.ts";
import { useTaskColumns } from "./TaskTable.tsx";

export default function Tasks() {
  const { t } = useTranslation();
  const words = useWords();
  const [phase, setPhase] = useState("");
  const columns = useTaskColumns(true);
  return (
    <div className="page">
      <div className="head">
        <h1>{t("area.tasks")}</h1>
        <span className="grow" />
        <Select
          aria-label={t("field.phase")}
          style={{ width: 180 }}
          value={phase}
          onChange={setPhase}
          options={[
            { value: "", label: t("tasks.all_phases") },
            ...PHASES.map((value) => ({ value, label: words("said", value) })),
          ]}
        />
      </div>
      <List<TaskRow>
        path={phase ? `/tasks?phase=${encodeURIComponent(phase)}` : "/tasks"}
        rowKey={(row) => row.id}
        to={(row) => `/tasks/${id(row.id)}`}
        testId="task-row"
        empty={t("tasks.none")}
        columns={columns}
        every={15_000}
      />
    </div>
  );
}
