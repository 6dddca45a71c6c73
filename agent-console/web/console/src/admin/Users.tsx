// Who may sign in, and as what.

import { useTranslation } from "react-i18next";
import type { UserRow } from "../lib/types.ts";
import { List } from "../ui/List.tsx";

export default function Users() {
  const { t } = useTranslation();
  return (
    <div className="page">
      <div className="head">
        <h1>{t("area.users")}</h1>
      </div>
      <List<UserRow>
        path="/users"
        rowKey={(row) => row.id}
        testId="user-row"
        empty={t("users.none")}
        columns={[
          { title: t("users.name"), dataIndex: "name" },
          { title: t("users.staff_no"), dataIndex: "staff_no" },
          { title: t("login.user"), dataIndex: "login" },
          { title: t("users.role"), render: (_v, row) => t(`role.${row.role}`) },
          {
            title: t("users.state"),
            render: (_v, row) => (
              <span className={`tag ${row.disabled ? "amber" : "green"}`}>
                {t(row.disabled ? "users.disabled" : "users.active")}
              </span>
            ),
          },
        ]}
      />
    </div>
  );
}
