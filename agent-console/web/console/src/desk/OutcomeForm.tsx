// The right column: who spoke, what was agreed, what that asks for, what follows, what is
// missing. It can be filled during the call, is kept by the server while it is filled, and is
// saved once the line is down. Where nobody answered, the technical code is the outcome and
// one button is left.

import { Button, Input } from "antd";
import { type ReactNode, type RefObject, useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { useTwo } from "../i18n/index.ts";
import { id, Problem, post } from "../lib/http.ts";
import type { CallState, OutcomeTable, SavedOutcome } from "../lib/types.ts";
import { Failed } from "../ui/problem.tsx";
import { Fields } from "./Fields.tsx";
import { Options } from "./Options.tsx";
import {
  allows,
  emptyChoice,
  fieldsToSend,
  heardAllLacks,
  type Missing,
  missing,
  NOTE_LENGTH,
  withContact,
  withDigit,
} from "./outcome.ts";
import { isLive, wasAnswered } from "./state.ts";
import { useDraft } from "./useDraft.ts";

/** What the desk's keyboard asks of the form. */
export interface OutcomeKeys {
  digit: (digit: number) => void;
  save: () => void;
  focus: () => void;
}

interface OutcomeFormProps {
  table: OutcomeTable;
  call: CallState | null;
  keys: RefObject<OutcomeKeys | null>;
  /** Steps of the script that must be said and were not ticked. */
  unsaid?: string[];
  /** Stands above the button: the time that is left. */
  timer?: ReactNode;
  onSaved: (saved: SavedOutcome, callId: string) => void;
}

export function OutcomeForm({ table, call, keys, unsaid = [], timer, onSaved }: OutcomeFormProps) {
  const { t } = useTranslation();
  const two = useTwo();
  const draft = useDraft(call?.call_id ?? null, call?.outcome_saved ?? false);
  const { choice, change: setChoice } = draft;
  const [group, setGroup] = useState<"contact" | "business">("contact");
  const [saving, setSaving] = useState(false);
  const [error, setError] = useState<unknown>(null);

  const ended = call !== null && !isLive(call);
  const unanswered = ended && !wasAnswered(call);
  const noAttempt = call?.end?.is_attempt === false;
  const heardLacks = heardAllLacks(call, table);
  const business = table.businesses.find((item) => item.code === choice.business);
  const lacks = missing(call, choice, table);
  const success = business?.code === "B01" || business?.code === "B05";
  if (success && unsaid.length > 0) lacks.push("missing.ticks");
  const maySave = lacks.length === 0 && !saving && !noAttempt && call?.outcome_saved === false;
  const talked = call !== null && (call.answered_at !== null || isLive(call));

  const save = async () => {
    if (!maySave || !call) return;
    setSaving(true);
    setError(null);
    const body = unanswered
      ? { ...emptyChoice, note: choice.note }
      : { ...choice, fields: fieldsToSend(business, choice) };
    try {
      onSaved(await post<SavedOutcome>(`/calls/${id(call.call_id)}/outcome`, body), call.call_id);
    } catch (problem) {
      setError(problem);
    } finally {
      setSaving(false);
    }
  };

  useEffect(() => {
    keys.current = {
      digit: (digit) => {
        if (!talked || unanswered) return;
        if (digit === 0) {
          setGroup("contact");
          return;
        }
        const next = withDigit(choice, group, digit, table);
        setChoice(next);
        if (group === "contact" && table.contacts.some((item) => item.key === digit)) {
          setGroup("business");
        }
      },
      save: () => void save(),
      focus: () => first.current?.querySelector<HTMLElement>("input:not(:disabled)")?.focus(),
    };
    return () => {
      keys.current = null;
    };
  });

  const first = useRef<HTMLElement>(null);
  const technical = call?.end?.technical;
  const refused = error instanceof Problem ? (error.errors[0]?.path ?? error.field) : null;
  const head = (
    <div className="row">
      <h2>{t("desk.outcome")}</h2>
      <span
        className="muted small grow clip"
        role="status"
        data-testid="draft"
        data-draft={draft.state}
      >
        {!unanswered && !noAttempt && t(`draft.${draft.state}`)}
      </span>
      {technical && (
        <span className={`tag ${unanswered ? "amber" : "green"}`} data-testid="technical">
          {two(technical.zh, technical.en)} {technical.code}
        </span>
      )}
    </div>
  );

  if (noAttempt) {
    return (
      <section className="card right" aria-label={t("desk.outcome")}>
        {head}
        <p className="next" data-testid="no-attempt">
          <b>{t("outcome.no_attempt")}</b>
          <br />
          {t("outcome.no_attempt_why")}
        </p>
      </section>
    );
  }

  const button = (
    <Button
      data-testid="save-outcome"
      type="primary"
      size="large"
      block
      loading={saving}
      disabled={!maySave}
      title={lacks.map((lack) => t(lack, { list: unsaid.join("、") })).join("；") || undefined}
      onClick={() => void save()}
    >
      {t(unanswered ? "outcome.save_unanswered" : "outcome.save")} <kbd>Ctrl ↵</kbd>
    </Button>
  );

  if (unanswered) {
    return (
      <section className="card right" aria-label={t("desk.outcome")}>
        {head}
        <p className="next">
          <b>{t("outcome.unanswered")}</b>
          <br />
          {t("outcome.unanswered_why")}
        </p>
        {error !== null && <Failed error={error} />}
        {timer}
        {button}
      </section>
    );
  }

  return (
    <section ref={first} className="card right" aria-label={t("desk.outcome")}>
      {head}
      <Options
        name="contact"
        legend={t("outcome.contact")}
        active={group === "contact" && talked}
        folded={group === "business" && choice.contact !== ""}
        onUnfold={() => setGroup("contact")}
        disabled={!talked}
        chosen={choice.contact}
        items={table.contacts.map((item) => ({
          code: item.code,
          text: two(item.zh, item.en),
          digit: item.key,
          disabled: false,
        }))}
        onChoose={(code) => {
          setChoice(withContact(choice, code, table));
          setGroup("business");
        }}
      />
      <Options
        name="business"
        legend={t("outcome.business")}
        active={group === "business" && talked}
        disabled={!talked}
        chosen={choice.business}
        items={table.businesses.map((item) => ({
          code: item.code,
          text: two(item.zh, item.en),
          digit: item.key,
          disabled: !allows(item, choice.contact),
        }))}
        onChoose={(code) => setChoice({ ...choice, business: code })}
      />
      {business && (
        <Fields
          business={business}
          choice={choice}
          disabled={!talked}
          refused={refused}
          onChange={(name, value) => {
            const fields = { ...choice.fields };
            if (value === undefined) delete fields[name];
            else fields[name] = value;
            setChoice({ ...choice, fields });
          }}
        />
      )}
      <label className={`heard ${heardLacks.length > 0 ? "off" : ""}`}>
        <input
          type="checkbox"
          data-testid="heard-all"
          checked={choice.heard_all}
          disabled={!talked || (heardLacks.length > 0 && !choice.heard_all)}
          onChange={(event) => setChoice({ ...choice, heard_all: event.target.checked })}
        />
        <span className="grow">{t("outcome.heard_all")}</span>
        <span className="muted small">{heardLacks.map((lack) => t(lack)).join(" ")}</span>
      </label>
      <Input.TextArea
        data-testid="note"
        aria-label={t("outcome.note")}
        placeholder={t("outcome.note_hint")}
        rows={1}
        maxLength={NOTE_LENGTH}
        value={choice.note}
        onChange={(event) => setChoice({ ...choice, note: event.target.value })}
      />
      <div className="foot">
        <p className="next" aria-live="polite">
          <b>{t("outcome.next")}</b>{" "}
          {business ? two(business.next_zh, business.next_en) : t("outcome.next_unknown")}
        </p>
        {error !== null ? <Failed error={error} /> : <Lacks lacks={lacks} unsaid={unsaid} />}
        {timer}
        {button}
      </div>
    </section>
  );
}

function Lacks({ lacks, unsaid }: { lacks: Missing[]; unsaid: string[] }) {
  const { t } = useTranslation();
  const word = (lack: Missing) =>
    lack === "missing.ticks" ? t(lack, { list: unsaid.join("、") }) : t(lack);
  return (
    <p className="muted small" data-testid="missing">
      {lacks.length === 0
        ? t("outcome.complete")
        : t("outcome.missing", { list: lacks.map(word).join("、") })}
    </p>
  );
}
