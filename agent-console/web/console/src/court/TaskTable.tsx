// Tasks as rows: recipient, where it stands, what is next. Used by a case and by the list.

import { Table, type TableColumnsType } from "antd";
import { useTranslation } from "react-i18next";
import { useWords } from "../i18n/index.ts";
import { id } from "../lib/http.ts";
import { day, shortTime } from "../lib/time.ts";
import type { TaskRow } from "../lib/types.ts";
import { Link } from "../shell/Shell.tsx";
import { rowProps } from "../ui/List.tsx";
import { found } from "./results.ts";

export function useTaskColumns(withCase: boolean): TableColumnsType<TaskRow> {
  const { t } = useTranslation();
  const words = useWords();
  const columns: TableColumnsType<TaskRow> = [
    {
      title: t("field.recipient"),
      render: (_v, row) => (
        <span className="row">
          <Link to={`/tasks/${id(row.id)}`}>{row.recipient}</Link>
          <span className="tag blue">{words("said", row.position)}</span>
        </span>
      ),
    },
    {
      title: t("field.phase"),
      width: 120,
      render: (_v, row) => (
        <span className={`tag ${found(row.result) ? "green" : ""}`}>
          {words("said", row.phase)}
        </span>
      ),
    },
    {
      title: t("field.next"),
      render: (_v, row) => words("said", found(row.result)) || words("said", row.next_step) || "—",
    },
    { title: t("field.attempts"), dataIndex: "attempts", align: "right", width: 90 },
    { title: t("field.deadline"), render: (_v, row) => day(row.deadline) || "—", width: 120 },
    {
      title: t("field.last_event"),
      render: (_v, row) => shortTime(row.last_event_at),
      width: 120,
    },
  ];
  if (withCase) {
    columns.splice(1, 0, {
      title: t("field.number"),
      width: 190,
      render: (_v, row) => row.case_number,
    });
  }
  return columns;
}

export function TaskTable({ tasks }: { tasks: TaskRow[] }) {
  const { t } = useTranslation();
  return (
    <div className="card list">
      <Table<TaskRow>
        size="middle"
        rowKey={(row) => row.id}
        columns={useTaskColumns(false)}
        dataSource={tasks}
        pagination={false}
        onRow={(row) => rowProps("task-row", `/tasks/${id(row.id)}`)}
        locale={{ emptyText: <p className="none">{t("case.no_tasks")}</p> }}
      />
    </div>
  );
}
