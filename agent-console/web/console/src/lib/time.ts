// Times as a court reads them: always Beijing time, tabular, without the year where it is
// clear. The server's clock counts; the page keeps the offset to it for running timers.

const ZONE = "Asia/Shanghai";

const parts = new Intl.DateTimeFormat("en-CA", {
  timeZone: ZONE,
  year: "numeric",
  month: "2-digit",
  day: "2-digit",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});

function split(at: string): Record<string, string> | null {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return null;
  return Object.fromEntries(parts.formatToParts(date).map((part) => [part.type, part.value]));
}

/** `2026-11-23 09:20`; an empty text for no time. */
export function dateTime(at: string | null | undefined): string {
  const p = at ? split(at) : null;
  return p ? `${p.year}-${p.month}-${p.day} ${p.hour}:${p.minute}` : "";
}

/** `2026-11-23 09:20:05`. */
export function dateTimeSeconds(at: string | null | undefined): string {
  const p = at ? split(at) : null;
  return p ? `${p.year}-${p.month}-${p.day} ${p.hour}:${p.minute}:${p.second}` : "";
}

/** `11-23 09:20`. */
export function shortTime(at: string | null | undefined): string {
  const p = at ? split(at) : null;
  return p ? `${p.month}-${p.day} ${p.hour}:${p.minute}` : "";
}

/** `2026-11-23`. */
export function day(at: string | null | undefined): string {
  const p = at ? split(at) : null;
  return p ? `${p.year}-${p.month}-${p.day}` : "";
}

/** Whole days from now to `at`, by the calendar of the court; negative once it is past. */
export function daysUntil(at: string | null | undefined, now: number): number | null {
  const then = at ? day(at) : "";
  if (!then) return null;
  const today = day(new Date(now).toISOString());
  return Math.round((Date.parse(then) - Date.parse(today)) / 86_400_000);
}

/** `02:14`, or `1:02:14` from an hour on. */
export function clock(ms: number): string {
  const total = Math.max(0, Math.floor(ms / 1000));
  const two = (n: number) => String(n).padStart(2, "0");
  const hours = Math.floor(total / 3600);
  const rest = `${two(Math.floor(total / 60) % 60)}:${two(total % 60)}`;
  return hours > 0 ? `${hours}:${rest}` : rest;
}
