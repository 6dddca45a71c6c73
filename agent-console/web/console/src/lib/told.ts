// What the server says of something: a code with its values, put into words here. A value may be
// said itself (why a deletion failed, inside the alarm about it), and a moment is shown as the
// court's time.

import { useTranslation } from "react-i18next";
import { dateTimeSeconds } from "./time.ts";
import type { Said } from "./types.ts";

/** To the millisecond: what differs may be less than a second. A number that is no time stays. */
function moment(value: unknown): string {
  const at = new Date(typeof value === "number" ? value : Number.NaN);
  if (Number.isNaN(at.getTime())) return String(value);
  const iso = at.toISOString();
  const rest = iso.slice(19, 23);
  return `${dateTimeSeconds(iso)}${rest === ".000" ? "" : rest}`;
}

function isSaid(value: unknown): value is Said {
  return typeof value === "object" && value !== null && "code" in value && "text" in value;
}

/** Words for what was said; the server's own sentence where nobody knows its code yet. */
export function useTold(): (said: Said | null | undefined) => string {
  const { t, i18n } = useTranslation();
  const told = (said: Said): string => {
    const keys = [`told.${said.code}`, said.code, `error.${said.code}`];
    const key = keys.find((each) => i18n.exists(each));
    return key
      ? t(key, Object.fromEntries(Object.entries(said.values ?? {}).map(shown)))
      : said.text;
  };
  const shown = ([name, value]: [string, unknown]): [string, unknown] => {
    if (isSaid(value)) return [name, told(value)];
    return [name, name.endsWith("_at_ms") ? moment(value) : value];
  };
  return (said) => (said ? told(said) : "");
}
