// The left column: whom, in which case, by which numbers, with what before. Numbers are
// masked here as everywhere; the call goes by an id.

import { Button } from "antd";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useListed, useTwo, useWords } from "../i18n/index.ts";
import { daysUntil, shortTime } from "../lib/time.ts";
import type { CallState, WorkOrder, WorkOrderPhone } from "../lib/types.ts";
import { isLive, wasAnswered } from "./state.ts";

interface WhoProps {
  order: WorkOrder;
  call: CallState | null;
  mayDial: boolean;
  onDial: (phoneId: string) => void;
  /** Stands below the numbers. */
  children?: ReactNode;
}

export function Who({ order, call, mayDial, onDial, children }: WhoProps) {
  const { t } = useTranslation();
  const two = useTwo();
  const words = useWords();
  const listed = useListed();
  const { recipient, case: matter } = order;
  const papers = listed(order.documents.map((document) => document.name));
  const others = listed(
    order.others.map((other) => `${words("said", other.position)} ${other.name}`),
  );
  const days = daysUntil(matter.hearing_at, Date.now());
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: many numbers make it scroll, and keys must reach that
    <section className="left" aria-label={t("desk.who")} tabIndex={0}>
      <div className="card">
        <div className="row top">
          <h1 className="grow">{recipient.name}</h1>
          <span className="tag blue">{words("said", recipient.position)}</span>
        </div>
        <p className="case">{matter.number}</p>
        <dl>
          <dt>{t("field.cause")}</dt>
          <dd>{matter.cause}</dd>
          {order.others.length > 0 && (
            <>
              <dt>{t("field.others")}</dt>
              <dd className="clamp" title={others}>
                {others}
              </dd>
            </>
          )}
          <dt>{t("field.dept")}</dt>
          <dd>
            {matter.dept} {matter.judge_name}
          </dd>
          <dt>{t("field.hearing")}</dt>
          <dd>
            {matter.hearing_at ? shortTime(matter.hearing_at) : t("field.none")}{" "}
            {matter.hearing_room}{" "}
            {days !== null && (
              <span className={`tag ${days <= 20 ? "amber" : ""}`}>
                {days >= 0 ? t("field.days_left", { n: days }) : t("field.days_past", { n: -days })}
              </span>
            )}
          </dd>
          <dt>{t("desk.documents")}</dt>
          <dd className="clamp" title={papers}>
            {papers} <span className="muted">{t("field.of", { n: order.documents.length })}</span>
          </dd>
          {recipient.id_masked && (
            <>
              <dt>{t("field.id")}</dt>
              <dd>{recipient.id_masked}</dd>
            </>
          )}
        </dl>
      </div>
      <div className="card">
        <h2>{t("desk.phones")}</h2>
        <ul>
          {order.phones.map((phone, n) => (
            <Phone
              key={phone.phone_id}
              phone={phone}
              n={n}
              call={call?.phone_id === phone.phone_id ? call : null}
              enabled={mayDial && phone.dialable}
              first={phone.phone_id === nextPhone(order.phones)?.phone_id}
              onDial={onDial}
            />
          ))}
        </ul>
        {order.phones.length === 0 && <p className="muted">{t("desk.no_phones")}</p>}
        {children}
      </div>
      <div className="card last">
        <h2>{t("desk.history")}</h2>
        <ul>
          {order.history.map((entry) => (
            <li key={`${entry.at} ${entry.text_zh}`} className="try">
              <time dateTime={entry.at}>{shortTime(entry.at)}</time>
              <span>{two(entry.text_zh, entry.text_en)}</span>
            </li>
          ))}
        </ul>
        {order.history.length === 0 && <p className="muted">{t("desk.no_history")}</p>}
      </div>
    </section>
  );
}

/** The number to dial next: one that was not tried yet before one that was. */
export function nextPhone(phones: WorkOrderPhone[]): WorkOrderPhone | undefined {
  const dialable = phones.filter((phone) => phone.dialable);
  return dialable.find((phone) => !phone.last_result) ?? dialable[0];
}

function Phone(props: {
  phone: WorkOrderPhone;
  n: number;
  /** The call that went or goes to this number. */
  call: CallState | null;
  enabled: boolean;
  first: boolean;
  onDial: (phoneId: string) => void;
}) {
  const { t } = useTranslation();
  const words = useWords();
  const two = useTwo();
  const { phone, n, call, enabled } = props;
  const on = call !== null && isLive(call);
  const said = call?.end
    ? two(call.end.technical.zh, call.end.technical.en)
    : (phone.last_result && words("said", phone.last_result)) ||
      (phone.dialable ? t("desk.not_dialled") : words("said", phone.state));
  const why = phone.why_not && words("why_not", phone.why_not);
  return (
    <li className={`phone ${on ? "on" : ""}`}>
      <b>{phone.masked}</b>
      {!on && (
        <Button
          data-testid={`dial-${n}`}
          size="small"
          type={props.first ? "primary" : "default"}
          disabled={!enabled}
          title={why || undefined}
          onClick={() => props.onDial(phone.phone_id)}
        >
          {t("desk.dial")} {props.first && <kbd>Alt D</kbd>}
        </Button>
      )}
      <span className="muted small clip">
        {[phone.label, phone.source]
          .filter(Boolean)
          .map((each) => words("said", each))
          .join(" · ")}
      </span>
      {on ? (
        <span className="tag green">{t(wasAnswered(call) ? "desk.on_call" : "desk.on_dial")}</span>
      ) : (
        <span className={`tag ${phone.dialable ? "" : "red"}`}>{said}</span>
      )}
    </li>
  );
}
