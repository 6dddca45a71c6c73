// That a file is there no more: when it went, on what ground, and which certificate tells.

import { useTranslation } from "react-i18next";
import { id } from "../lib/http.ts";
import { may } from "../lib/session.ts";
import { dateTime } from "../lib/time.ts";
import type { Me, Removal } from "../lib/types.ts";
import { Link } from "../shell/Shell.tsx";

export function Gone({ me, removal }: { me: Me; removal: Removal }) {
  const { t } = useTranslation();
  return (
    <span className="muted small" data-testid="gone">
      {t("removal.gone", {
        at: dateTime(removal.deleted_at),
        ground: t(`removal.ground.${removal.ground}`),
      })}{" "}
      {removal.certificate &&
        (may(me, "retention.read") ? (
          <Link to={`/evidence/certificates/${id(removal.certificate)}`} testId="gone-certificate">
            {t("retention.certificate")}
          </Link>
        ) : (
          <>
            {t("retention.certificate")} <span className="mono">{removal.certificate}</span>
          </>
        ))}
    </span>
  );
}
