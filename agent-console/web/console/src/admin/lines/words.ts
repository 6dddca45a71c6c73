// Fields and their values in words; what has none shows itself.

import { useTranslation } from "react-i18next";
import { dateTime } from "../../lib/time.ts";

/** Groups of words that the values of a field belong to. */
const GROUPS: Record<string, string> = {
  state: "state",
  "called.style": "style",
  "calling.style": "style",
  "called.abroad": "abroad",
  "headers.from": "from",
  "headers.identity": "identity",
  registration: "label",
  srtp: "srtp",
  media_source: "source",
};

/** Signalling over WebSocket, as browsers have it. */
export const isWeb = ({ protocol }: { protocol: string }) => protocol.startsWith("WS");

const short = (field: string) => field.replace(/^profile\./, "");

export interface LineWords {
  field: (field: string) => string;
  /** `names` tells what stands for an id of a trunk. */
  value: (field: string, value: string, names: Map<string, string>) => string;
}

export function useLineWords(): LineWords {
  const { t, i18n } = useTranslation();
  const words = (key: string, otherwise: string) => (i18n.exists(key) ? t(key) : otherwise);
  // `status 480 code C04`, as a rule says its parts.
  const rule = (part: string) =>
    part.replace(/([a-z_0-9]+) (\S+)/g, (_all, name: string, is: string) =>
      [words(`lines.cause.${name}`, name), is].join(" "),
    );
  return {
    field: (field) => words(`lines.field.${short(field)}`, field),
    value: (field, value, names) => {
      if (!value) return "—";
      return value
        .split(", ")
        .map((part) => {
          if (part === "true" || part === "false") return t(`lines.value.${part}`);
          if (field === "proof") return t("lines.field.proof_changed");
          if (/^\d{4}-\d\d-\d\dT/.test(part)) return dateTime(part);
          if (field === "rules") return rule(part);
          if (field === "trunks") return names.get(part) ?? part;
          if (field === "profile.register") return t(`lines.register.${part}`);
          return words(`lines.${GROUPS[short(field)] ?? "value"}.${part}`, part);
        })
        .join(t("lines.and"));
    },
  };
}
