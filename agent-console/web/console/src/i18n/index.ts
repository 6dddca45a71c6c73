// Two languages, both in the bundle: a court's own first, English second. Every text of the
// console is a key; a test holds the two files to the same keys.

import i18next from "i18next";
import { initReactI18next, useTranslation } from "react-i18next";
import en from "./en.json";
import zh from "./zh-CN.json";

export type Language = "zh-CN" | "en";

const STORED = "songda.language";

function initial(): Language {
  return localStorage.getItem(STORED) === "en" ? "en" : "zh-CN";
}

export function startLanguages(): void {
  const language = initial();
  void i18next.use(initReactI18next).init({
    resources: { "zh-CN": { translation: zh }, en: { translation: en } },
    lng: language,
    fallbackLng: "zh-CN",
    keySeparator: false,
    nsSeparator: false,
    interpolation: { escapeValue: false },
  });
  document.documentElement.lang = language;
}

export function setLanguage(language: Language): void {
  localStorage.setItem(STORED, language);
  document.documentElement.lang = language;
  void i18next.changeLanguage(language);
}

/** Picks one of the two texts which the server sends. */
export function useTwo(): (zh: string, en: string) => string {
  const { i18n } = useTranslation();
  return (zhText, enText) => (i18n.language === "en" && enText ? enText : zhText);
}

/** One line of several things, as the language lists them. */
export function useListed(): (things: string[]) => string {
  const { t } = useTranslation();
  return (things) => things.join(t("list.and"));
}

/** Words for a code of the server; a code that nobody knows yet is shown as it is. */
export function useWords(): (group: string, code: string) => string {
  const { t, i18n } = useTranslation();
  return (group, code) => {
    const key = `${group}.${code}`;
    return i18n.exists(key) ? t(key) : code;
  };
}
