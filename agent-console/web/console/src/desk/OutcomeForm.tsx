// The right column: who spoke, what was agreed, what that asks for, what follows, what is
// missing. It can be filled during the call, is kept by the server while it is filled, and is
// saved once the line is down. Where nobody answered, the technical code is the outcome and
// one button is left.

import { Button, Input } from "antd";
import { type ReactNode, type RefObject, useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { useListed, useTwo, useWords } from "../i18n/index.ts";
import { id, Problem, post } from "../lib/http.ts";
import type { CallState, OutcomeTable, SavedOutcome } from "../lib/types.ts";
import { Failed } from "../ui/problem.tsx";
import { Fields } from "./Fields.tsx";
import { Options } from "./Options.tsx";
import {
  allows,
  type Choice,
  emptyChoice,
  fieldsToSend,
  heardAllLacks,
  keysOf,
  type Missing,
  MORE,
  missing,
  NOTE_LENGTH,
  withChild,
  withContact,
  withKeys,
  withMachine,
} from "./outcome.ts";
import { isLive, wasAnswered } from "./state.ts";
import { useDraft } from "./useDraft.ts";

/** What the desk's keyboard asks of the form. */
export interface OutcomeKeys {
  digit: (digit: number) => void;
  /** What comes after the ninth is chosen by the digit that follows. */
  more: () => void;
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
  /** Whom the call was to, where that does not stand beside the form. */
  whose?: string;
  /** Ticks a step that was said, where no script stands beside the form. */
  onTick?: (step: string) => void;
  onSaved: (saved: SavedOutcome, callId: string) => void;
}

export function OutcomeForm(props: OutcomeFormProps) {
  const { table, call, keys, unsaid = [], timer, whose, onTick, onSaved } = props;
  const { t } = useTranslation();
  const two = useTwo();
  const draft = useDraft(call);
  const { choice } = draft;
  const setChoice = (next: Choice) => {
    // What was refused is being mended.
    setError(null);
    draft.change(next);
  };
  /** Who spoke is asked again, although it was said. */
  const [again, setAgain] = useState(false);
  /** `-` was pressed so often, and a digit follows. */
  const [begun, setBegun] = useState("");
  const group = again || choice.contact === "" ? "contact" : "business";
  const [saving, setSaving] = useState(false);
  const [error, setError] = useState<unknown>(null);

  // Who spoke is known once the agent has confirmed that a machine did.
  const machine = withMachine(choice, call, table);
  const turned = machine !== choice && !call?.outcome_saved;
  useEffect(() => {
    if (turned) draft.change(machine);
  });

  const ended = call !== null && !isLive(call);
  const unanswered = ended && !wasAnswered(call);
  const child = withChild(call);
  const noAttempt = call?.end?.is_attempt === false;
  const heardLacks = heardAllLacks(call, table);
  const business = table.businesses.find((item) => item.code === choice.business);
  const lacks = missing(call, choice, table);
  const success = business?.code === "B01" || business?.code === "B05";
  if (success && unsaid.length > 0) lacks.push("missing.ticks");
  const maySave = lacks.length === 0 && !saving && !noAttempt && call?.outcome_saved === false;
  const talked = call !== null && (call.answered_at !== null || isLive(call));

  const lacking = useLacking();

  const save = async () => {
    if (!maySave || !call) return;
    setSaving(true);
    setError(null);
    draft.hold();
    const body = unanswered
      ? { ...emptyChoice, note: choice.note }
      : { ...choice, fields: fieldsToSend(business, choice) };
    try {
      onSaved(await post<SavedOutcome>(`/calls/${id(call.call_id)}/outcome`, body), call.call_id);
    } catch (problem) {
      draft.release();
      setError(problem);
    } finally {
      setSaving(false);
    }
  };

  const chooses = talked && !unanswered && !noAttempt;
  useBroken(begun, () => setBegun(""));

  useEffect(() => {
    keys.current = {
      digit: (digit) => {
        setBegun("");
        if (!chooses) return;
        if (digit === 0) {
          setAgain(true);
          return;
        }
        const next = withKeys(choice, group, begun + String(digit), table, child);
        if (next === choice) return;
        setChoice(next);
        setAgain(false);
      },
      more: () => {
        const wanted = begun + MORE;
        const keys = [...keysOf(group === "contact" ? table.contacts : table.businesses).values()];
        setBegun(chooses && keys.some((each) => each.startsWith(wanted)) ? wanted : "");
      },
      save: () => void save(),
      focus: () => {
        const button = maySave && "[data-testid=save-outcome]";
        first.current?.querySelector<HTMLElement>(button || "input:not(:disabled)")?.focus();
      },
    };
    return () => {
      keys.current = null;
    };
  });

  const first = useRef<HTMLElement>(null);
  const technical = call?.end?.technical;
  const refused = error instanceof Problem ? (error.errors[0]?.path ?? error.field) : null;
  const refusedField = business?.fields.find((field) => field.id === refused);
  const unticked =
    error instanceof Problem && error.code === "outcome.checklist"
      ? error.missing.filter((step) => !call?.ticks.some((tick) => tick.step === step))
      : [];
  const head = (
    <div className="row">
      {whose ? <b data-testid="whose">{whose}</b> : <h2>{t("desk.outcome")}</h2>}
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

  const [contactKeys, businessKeys] = [keysOf(table.contacts), keysOf(table.businesses)];
  const button = (
    <Button
      data-testid="save-outcome"
      type="primary"
      size="large"
      block
      loading={saving}
      disabled={!maySave}
      title={lacking(lacks, unsaid) || undefined}
      onClick={() => void save()}
    >
      {t(unanswered || whose ? "outcome.save_unanswered" : "outcome.save")} <kbd>Ctrl ↵</kbd>
    </Button>
  );

  if (unanswered) {
    return (
      <section ref={first} className="card right" aria-label={t("desk.outcome")}>
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
        begun={group === "contact" ? begun : ""}
        folded={group === "business"}
        onUnfold={() => setAgain(true)}
        disabled={!talked}
        chosen={choice.contact}
        items={table.contacts.map((item) => ({
          code: item.code,
          text: two(item.zh, item.en),
          keys: contactKeys.get(item.code) ?? "",
          disabled: false,
        }))}
        onChoose={(code, byArrow) => {
          setChoice(withContact(choice, code, table));
          // Arrows go on through the list.
          setAgain(byArrow);
        }}
      />
      <Options
        name="business"
        legend={t("outcome.business")}
        active={group === "business" && talked}
        begun={group === "business" ? begun : ""}
        disabled={!talked}
        chosen={choice.business}
        items={table.businesses.map((item) => ({
          code: item.code,
          text: two(item.zh, item.en),
          keys: businessKeys.get(item.code) ?? "",
          disabled: !allows(item, choice.contact, child),
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
        {error !== null ? (
          <Failed
            error={error}
            what={refusedField && two(refusedField.label_zh, refusedField.label_en)}
          />
        ) : (
          <Lacks lacks={lacks} unsaid={unsaid} />
        )}
        {onTick && <Unsaid steps={unticked} onTick={onTick} />}
        {timer}
        {button}
      </div>
    </section>
  );
}

/** What was begun with `-` is over with any other key, and with the mouse. */
function useBroken(begun: string, over: () => void) {
  const current = useRef(over);
  current.current = over;
  useEffect(() => {
    if (begun === "") return;
    const press = (event: Event) => {
      if (event instanceof KeyboardEvent && /^[-0-9]$/.test(event.key)) return;
      current.current();
    };
    window.addEventListener("keydown", press);
    window.addEventListener("pointerdown", press);
    return () => {
      window.removeEventListener("keydown", press);
      window.removeEventListener("pointerdown", press);
    };
  }, [begun]);
}

/** Steps that the server misses: who said them says so now, without a place in the recording. */
function Unsaid({ steps, onTick }: { steps: string[]; onTick: (step: string) => void }) {
  const { t } = useTranslation();
  const words = useWords();
  if (steps.length === 0) return null;
  return (
    <fieldset className="unsaid" data-testid="unsaid">
      <legend>{t("outcome.tick_late")}</legend>
      {steps.map((step) => (
        <label key={step}>
          <input
            type="checkbox"
            data-testid={`late-${step}`}
            checked={false}
            onChange={() => onTick(step)}
          />
          {words("step", step)}
        </label>
      ))}
    </fieldset>
  );
}

/** What is lacking yet, in one line. */
function useLacking(): (lacks: Missing[], unsaid: string[]) => string {
  const { t } = useTranslation();
  const listed = useListed();
  return (lacks, unsaid) => listed(lacks.map((lack) => t(lack, { list: listed(unsaid) })));
}

function Lacks({ lacks, unsaid }: { lacks: Missing[]; unsaid: string[] }) {
  const { t } = useTranslation();
  const lacking = useLacking();
  return (
    <p className="muted small" data-testid="missing">
      {lacks.length === 0
        ? t("outcome.complete")
        : t("outcome.missing", { list: lacking(lacks, unsaid) })}
    </p>
  );
}
