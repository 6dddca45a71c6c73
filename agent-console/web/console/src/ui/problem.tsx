// What went wrong, in the reader's language: the text of the code, else the server's own
// detail, else the code itself.

import { Alert, Button } from "antd";
import { useTranslation } from "react-i18next";
import { Problem } from "../lib/http.ts";

export function useCodeText(): (code: string, detail?: string) => string {
  const { t, i18n } = useTranslation();
  return (code, detail) => {
    const key = `error.${code}`;
    return i18n.exists(key) ? t(key) : detail || t("error.unknown", { code });
  };
}

export function useProblemText(): (error: unknown) => string {
  const text = useCodeText();
  return (error) =>
    error instanceof Problem ? text(error.code, error.detail) : text("page.failed");
}

/** An error where the content would have been, with a way to try again. */
export function Failed(props: {
  error: unknown;
  /** What is meant, where the code alone does not say it. */
  what?: string;
  onRetry?: () => void;
}) {
  const { error, what, onRetry } = props;
  const { t } = useTranslation();
  const text = useProblemText();
  const code = error instanceof Problem ? error.code : "page.failed";
  return (
    <Alert
      data-testid={`error-${code}`}
      type="error"
      showIcon
      title={what ? t("error.about", { error: text(error), what }) : text(error)}
      description={<span className="mono">{code}</span>}
      action={onRetry && <Button onClick={onRetry}>{t("page.retry")}</Button>}
    />
  );
}
