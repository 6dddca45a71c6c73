// The cases of a judge or clerk: number first, how far the service is, when the hearing is.

import { Input } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { id } from "../lib/http.ts";
import { dateTime, shortTime } from "../lib/time.ts";
import type { CaseRow } from "../lib/types.ts";
import { Link } from "../shell/Shell.tsx";
import { List } from "../ui/List.tsx";

export default function Cases() {
  const { t } = useTranslation();
  const [search, setSearch] = useState("");
  return (
    <div className="page">
      <div className="head">
        <h1>{t("area.cases")}</h1>
        <span className="grow" />
        <Input.Search
          allowClear
          aria-label={t("cases.search")}
          placeholder={t("cases.search")}
          style={{ width: 320 }}
          onSearch={(text) => setSearch(text.trim())}
        />
      </div>
      <List<CaseRow>
        path={search ? `/cases?q=${encodeURIComponent(search)}` : "/cases"}
        rowKey={(row) => row.id}
        to={(row) => `/cases/${id(row.id)}`}
        testId="case-row"
        empty={t(search ? "cases.none_found" : "cases.none")}
        columns={[
          {
            title: t("field.number"),
            render: (_v, row) => <Link to={`/cases/${id(row.id)}`}>{row.number}</Link>,
          },
          { title: t("field.cause"), dataIndex: "cause" },
          {
            title: t("field.dept"),
            render: (_v, row) => `${row.dept} ${row.judge_name}`,
            width: 150,
          },
          {
            title: t("field.hearing"),
            render: (_v, row) => dateTime(row.hearing_at) || t("field.none"),
            width: 150,
          },
          { title: t("field.parties"), dataIndex: "parties", align: "right", width: 80 },
          {
            title: t("field.served"),
            width: 110,
            render: (_v, { tasks }) => (
              <span className={`tag ${tasks.done === tasks.total ? "green" : ""}`}>
                {t("field.done_of", tasks)}
              </span>
            ),
          },
          {
            title: t("field.last_event"),
            render: (_v, row) => shortTime(row.last_event_at),
            width: 120,
          },
        ]}
      />
    </div>
  );
}
