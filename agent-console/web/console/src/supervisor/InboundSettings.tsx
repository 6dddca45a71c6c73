// When the court takes calls, how long a caller waits, and whether he may leave a message.

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Button } from "antd";
import { type FormEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import { get, put } from "../lib/http.ts";
import type { InboundSettings as Hours } from "../lib/types.ts";
import { Failed } from "../ui/problem.tsx";

const KEY = ["settings", "inbound"];
const DAYS = [1, 2, 3, 4, 5, 6, 7];
const WAIT_S = { from: 15, to: 600 };
const MOST = 100;
const MESSAGE_S = { from: 0, to: 300 };

export function InboundSettings() {
  const { t } = useTranslation();
  const query = useQuery({
    queryKey: KEY,
    queryFn: () => get<Hours>("/settings/inbound"),
    staleTime: 60_000,
  });
  return (
    <section className="card hours">
      <h2>{t("hours.title")}</h2>
      {query.error && <Failed error={query.error} onRetry={() => void query.refetch()} />}
      {query.data && <Form kept={query.data} />}
    </section>
  );
}

function within(text: string, range: { from: number; to: number }): boolean {
  const value = Number(text);
  return text.trim() !== "" && Number.isInteger(value) && value >= range.from && value <= range.to;
}

/** A time as the server has it, `08:30` up to `24:00`, from what was typed; nothing where it is none. */
export function timeOf(text: string): string | null {
  const found = /^(\d{1,2})[:：]?(\d{2})$/.exec(text.trim());
  if (!found) return null;
  const time = `${found[1]?.padStart(2, "0")}:${found[2]}`;
  return /^(?:(?:[01]\d|2[0-3]):[0-5]\d|24:00)$/.test(time) ? time : null;
}

/** A browser's own field for times ends at 23:59, and shows half a day's hours to some. */
function Time(props: {
  which: "opens" | "closes";
  value: string;
  onChange: (value: string) => void;
}) {
  const { which, value, onChange } = props;
  const { t } = useTranslation();
  return (
    <label>
      <span>{t(`hours.${which}`)}</span>
      <input
        type="text"
        inputMode="numeric"
        size={5}
        maxLength={5}
        data-testid={which}
        aria-invalid={timeOf(value) === null}
        value={value}
        onChange={(event) => onChange(event.target.value)}
        onBlur={() => onChange(timeOf(value) ?? value)}
      />
    </label>
  );
}

function Form({ kept }: { kept: Hours }) {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const [days, setDays] = useState(new Set(kept.days));
  const [opens, setOpens] = useState(kept.opens);
  const [closes, setCloses] = useState(kept.closes);
  const [wait, setWait] = useState(String(kept.wait_s));
  const [message, setMessage] = useState(String(kept.message_s));
  const [exceptions, setExceptions] = useState(kept.exceptions);
  const save = useMutation({
    mutationFn: (hours: Hours) => put<Hours>("/settings/inbound", hours),
    onSuccess: (hours) => queries.setQueryData(KEY, hours),
  });
  const named = new Set(exceptions.map((each) => each.date));
  const dated = !named.has("") && named.size === exceptions.length;
  const [from, to] = [timeOf(opens), timeOf(closes)];
  const fits =
    days.size > 0 &&
    from !== null &&
    to !== null &&
    from < to &&
    within(wait, WAIT_S) &&
    within(message, MESSAGE_S) &&
    dated;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!fits || from === null || to === null) return;
    save.mutate({
      days: DAYS.filter((each) => days.has(each)),
      opens: from,
      closes: to,
      exceptions,
      wait_s: Number(wait),
      message_s: Number(message),
    });
  };
  const turn = (each: number) =>
    setDays((before) => {
      const after = new Set(before);
      if (!after.delete(each)) after.add(each);
      return after;
    });
  return (
    <form onSubmit={submit}>
      <fieldset className="days">
        <legend>{t("hours.days")}</legend>
        {DAYS.map((each) => (
          <label key={each}>
            <input type="checkbox" checked={days.has(each)} onChange={() => turn(each)} />
            <span>{t(`hours.day.${each}`)}</span>
          </label>
        ))}
      </fieldset>
      <div className="row fields">
        <Time which="opens" value={opens} onChange={setOpens} />
        <Time which="closes" value={closes} onChange={setCloses} />
        <label>
          <span>{t("hours.wait")}</span>
          <input
            type="number"
            min={WAIT_S.from}
            max={WAIT_S.to}
            value={wait}
            onChange={(event) => setWait(event.target.value)}
          />
        </label>
        <label>
          <span>{t("hours.message")}</span>
          <input
            type="number"
            data-testid="message-seconds"
            min={MESSAGE_S.from}
            max={MESSAGE_S.to}
            value={message}
            onChange={(event) => setMessage(event.target.value)}
          />
        </label>
      </div>
      <Exceptions days={exceptions} onChange={setExceptions} />
      <p className="muted small">{t("hours.why")}</p>
      {save.error && <Failed error={save.error} />}
      <div className="row">
        <Button
          htmlType="submit"
          data-testid="save-hours"
          disabled={!fits}
          loading={save.isPending}
        >
          {t("settings.save")}
        </Button>
        <span className="muted small" role="status">
          {!fits && t("hours.unfit")}
          {fits && save.isSuccess && t("settings.saved")}
        </span>
      </div>
    </form>
  );
}

type Otherwise = Hours["exceptions"];

// Holidays, and the days that are worked instead.
function Exceptions({ days, onChange }: { days: Otherwise; onChange: (days: Otherwise) => void }) {
  const { t } = useTranslation();
  const change = (at: number, to: Partial<Otherwise[number]>) =>
    onChange(days.map((day, place) => (place === at ? { ...day, ...to } : day)));
  return (
    <fieldset className="exceptions">
      <legend>{t("hours.exceptions")}</legend>
      {days.map((day, at) => (
        // A day has no name of its own until it is saved.
        // biome-ignore lint/suspicious/noArrayIndexKey: the place is what is edited
        <div className="row" key={at}>
          <input
            type="date"
            aria-label={t("hours.exception.date")}
            value={day.date}
            onChange={(event) => change(at, { date: event.target.value })}
          />
          <select
            aria-label={t("hours.exception.kind")}
            value={day.open ? "open" : "closed"}
            onChange={(event) => change(at, { open: event.target.value === "open" })}
          >
            <option value="closed">{t("hours.exception.closed")}</option>
            <option value="open">{t("hours.exception.open")}</option>
          </select>
          <Button type="text" onClick={() => onChange(days.filter((_, place) => place !== at))}>
            {t("hours.exception.remove")}
          </Button>
        </div>
      ))}
      <Button
        data-testid="add-exception"
        disabled={days.length >= MOST}
        onClick={() => onChange([...days, { date: "", open: false }])}
      >
        {t("hours.exception.add")}
      </Button>
    </fieldset>
  );
}
