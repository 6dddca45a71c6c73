// After saving: that it is done, and what happens now.

import { Alert } from "antd";
import { useTranslation } from "react-i18next";
import { useTwo } from "../i18n/index.ts";
import type { SavedOutcome } from "../lib/types.ts";

export function Saved({ saved }: { saved: SavedOutcome }) {
  const { t } = useTranslation();
  const next = useTwo()(saved.next_zh, saved.next_en);
  return (
    <Alert
      data-testid="outcome-saved"
      role="status"
      type="success"
      showIcon
      title={[t("desk.saved"), next && t("desk.next_is", { next })].filter(Boolean).join(" · ")}
    />
  );
}
