// In which language the party is told that the call is recorded, where there is a choice.

import { useTranslation } from "react-i18next";
import type { WorkOrder } from "../lib/types.ts";

/** What the agent chose, else what the party is known to speak, else the court's own. */
export function noticeLanguage(
  chosen: string | null,
  order: WorkOrder | null,
  all: string[],
): string | undefined {
  const wanted = chosen ?? order?.recipient.language;
  return all.find((each) => each === wanted) ?? all[0];
}

interface NoticeLanguageProps {
  all: string[];
  chosen: string | undefined;
  disabled: boolean;
  onChoose: (language: string) => void;
}

export function NoticeLanguage({ all, chosen, disabled, onChoose }: NoticeLanguageProps) {
  const { t, i18n } = useTranslation();
  if (all.length < 2) return null;
  const names = new Intl.DisplayNames(i18n.language, { type: "language" });
  return (
    <label className="notice-language">
      <span className="muted small grow">{t("desk.notice_language")}</span>
      <select
        data-testid="notice-language"
        disabled={disabled}
        value={chosen}
        onChange={(event) => onChoose(event.target.value)}
      >
        {all.map((each) => (
          <option key={each} value={each}>
            {names.of(each)}
          </option>
        ))}
      </select>
    </label>
  );
}
