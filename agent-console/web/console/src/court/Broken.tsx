// What is wrong with a recording, wherever it would have been played.

import { Alert } from "antd";
import { useTranslation } from "react-i18next";
import { Problem } from "../lib/http.ts";

/** Why a recording that was asked for is not played; nothing where the reason is another. */
export function brokenBy(error: unknown): "missing" | "altered" | null {
  if (!(error instanceof Problem)) return null;
  if (error.code === "recording.altered") return "altered";
  return error.code === "recording.missing" ? "missing" : null;
}

/** The file is gone, or it is not what it was: it is not played. */
export function Broken({ verdict, detail }: { verdict: "missing" | "altered"; detail?: string }) {
  const { t } = useTranslation();
  return (
    <Alert
      data-testid="banner-recording"
      type="error"
      showIcon
      title={t(`recording.${verdict}`)}
      description={<span title={detail || undefined}>{t("recording.broken_help")}</span>}
    />
  );
}

/** What is heard is not all that was said. */
export function Partly({ state }: { state: string }) {
  const { t } = useTranslation();
  if (state !== "incomplete" && state !== "recovered") return null;
  return (
    <Alert
      data-testid={`banner-${state}`}
      type="warning"
      showIcon
      title={t(`recording.${state}`)}
    />
  );
}
