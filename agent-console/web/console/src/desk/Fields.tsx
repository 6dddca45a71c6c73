// What the chosen outcome asks for: a number, an address, a time. A number that was kept is
// shown as its mask only; typing replaces it.

import { Button, Input } from "antd";
import { useTranslation } from "react-i18next";
import { useTwo } from "../i18n/index.ts";
import type { Business, OutcomeField } from "../lib/types.ts";
import { type Choice, emptyFields, type FieldValue } from "./outcome.ts";

interface FieldsProps {
  business: Business;
  choice: Choice;
  disabled: boolean;
  /** The field that the server refused. */
  refused: string | null;
  onChange: (name: string, value: FieldValue | undefined) => void;
}

export function Fields({ business, choice, disabled, refused, onChange }: FieldsProps) {
  const empty = new Set(emptyFields(business, choice).map((field) => field.id));
  if (business.fields.length === 0) return null;
  return (
    <div className="fields">
      {business.fields.map((field) => (
        <Field
          key={field.id}
          field={field}
          value={choice.fields[field.id]}
          disabled={disabled}
          needed={empty.has(field.id)}
          oneOf={business.one_of.some((group) => group.includes(field.id))}
          refused={refused === field.id}
          onChange={(value) => onChange(field.id, value)}
        />
      ))}
    </div>
  );
}

const INPUT: Record<OutcomeField["kind"], { type: string; mode?: "tel" | "email"; max?: string }> =
  {
    mobile: { type: "text", mode: "tel" },
    phone: { type: "text", mode: "tel" },
    email: { type: "text", mode: "email" },
    address: { type: "text" },
    date: { type: "date", max: "2099-12-31" },
    datetime: { type: "datetime-local", max: "2099-12-31T23:59" },
    text: { type: "text" },
    choice: { type: "text" },
  };

function Field(props: {
  field: OutcomeField;
  value: FieldValue | undefined;
  disabled: boolean;
  needed: boolean;
  /** Of several fields one is enough. */
  oneOf: boolean;
  refused: boolean;
  onChange: (value: FieldValue | undefined) => void;
}) {
  const { t } = useTranslation();
  const two = useTwo();
  const { field, value, disabled } = props;
  const name = `field-${field.id}`;
  const label = (
    <label htmlFor={name}>
      {two(field.label_zh, field.label_en)}
      {props.needed && (
        <span className="must">{t(props.oneOf ? "outcome.one_of" : "outcome.needed")}</span>
      )}
    </label>
  );
  if (value !== undefined && typeof value !== "string") {
    return (
      <div className="field">
        {label}
        <span className="row">
          <b className="grow" id={name} data-testid={name}>
            {value.masked}
          </b>
          <Button size="small" disabled={disabled} onClick={() => props.onChange(undefined)}>
            {t("outcome.replace")}
          </Button>
        </span>
      </div>
    );
  }
  const text = value ?? "";
  return (
    <div className="field">
      {label}
      {field.kind === "choice" ? (
        <select
          id={name}
          data-testid={name}
          disabled={disabled}
          value={text}
          aria-invalid={props.refused}
          onChange={(event) => props.onChange(event.target.value || undefined)}
        >
          <option value="">{t("outcome.choose")}</option>
          {field.options.map((option) => (
            <option key={option.code} value={option.code}>
              {two(option.zh, option.en)}
            </option>
          ))}
        </select>
      ) : (
        <Input
          id={name}
          data-testid={name}
          type={INPUT[field.kind].type}
          // Four digits of a year, so that the date goes on by itself.
          max={INPUT[field.kind].max}
          inputMode={INPUT[field.kind].mode}
          autoComplete="off"
          disabled={disabled}
          status={props.refused ? "error" : undefined}
          value={text}
          onChange={(event) => props.onChange(event.target.value || undefined)}
        />
      )}
    </div>
  );
}
