// Evidence and how long it is kept: what is 待核查, the signed roots of the days, periods and
// deletions that two persons decide.

import { Tabs } from "antd";
import { useTranslation } from "react-i18next";
import { go, usePath } from "../../lib/router.ts";
import { may } from "../../lib/session.ts";
import type { Me } from "../../lib/types.ts";
import { Doubts } from "./Doubts.tsx";
import "./evidence.css";
import { Kept } from "./Kept.tsx";
import { Roots } from "./Roots.tsx";

export default function Evidence({ me }: { me: Me }) {
  const { t } = useTranslation();
  const tab = usePath().split("/")[2] ?? "doubts";
  return (
    <div className="page wide evidence">
      <div className="head">
        <h1>{t("area.evidence")}</h1>
      </div>
      <Tabs
        activeKey={tab}
        onChange={(key) => go(`/evidence/${key}`)}
        items={[
          { key: "doubts", label: t("evidence.doubts"), children: <Doubts me={me} /> },
          { key: "roots", label: t("evidence.roots"), children: <Roots /> },
          ...(may(me, "retention.read")
            ? [{ key: "retention", label: t("retention.title"), children: <Kept me={me} /> }]
            : []),
        ]}
      />
    </div>
  );
}
