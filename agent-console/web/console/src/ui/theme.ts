// Colours that pass AA on every background they stand on; one accent, three meanings.

import type { ThemeConfig } from "antd";

const CJK = '"Noto Sans CJK SC", "Source Han Sans SC", "Microsoft YaHei", sans-serif';
/** Quotation marks and apostrophes of a Chinese font are as wide as a character. */
const LATIN = '"Latin quotes", ';

const theme: ThemeConfig = {
  token: {
    colorPrimary: "#1d4f91",
    colorPrimaryBg: "#e8f1fb",
    colorPrimaryBgHover: "#d3e4f7",
    colorLink: "#1d4f91",
    colorSuccess: "#237804",
    colorSuccessBg: "#f0f9eb",
    colorSuccessBorder: "#95de64",
    colorWarning: "#ad4e00",
    colorWarningBg: "#fff7e6",
    colorError: "#cf1322",
    colorErrorBg: "#fff1f0",
    colorTextSecondary: "#434b55",
    colorTextTertiary: "#5a6470",
    colorTextDescription: "#5a6470",
    colorTextPlaceholder: "#6b7280",
    colorTextDisabled: "#6b7280",
    borderRadius: 4,
    fontFamily: CJK,
  },
};

/** In English, Latin punctuation comes from a Latin font. */
export function themeOf(language: string): ThemeConfig {
  if (language !== "en") return theme;
  return { ...theme, token: { ...theme.token, fontFamily: LATIN + CJK } };
}
