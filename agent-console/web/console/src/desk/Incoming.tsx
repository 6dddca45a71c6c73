// A call that rings at this desk: who it is, as far as the number tells, and one key to take it.

import { Button } from "antd";
import { useEffect, useRef } from "react";
import { useTranslation } from "react-i18next";
import { useWords } from "../i18n/index.ts";
import type { WorkOrder } from "../lib/types.ts";
import { ring } from "./bell.ts";
import type { Desk } from "./useDesk.ts";

/** Whose call it is, as far as that is known here. */
export function CaseFacts({ order }: { order: WorkOrder | null }) {
  const words = useWords();
  if (!order) return null;
  const { position, name } = order.recipient;
  return (
    <div data-testid="incoming-case">
      {words("said", position)} {name} · {order.case.number} · {order.case.cause}
    </div>
  );
}

export function Incoming({ desk }: { desk: Desk }) {
  const { t } = useTranslation();
  const words = useWords();
  const { incoming } = desk.state;
  const last = useRef<string | null>(null);
  const id = incoming?.call_id ?? null;
  useEffect(() => {
    if (id && id !== last.current) void ring();
    last.current = id;
  }, [id]);
  if (!incoming) return null;
  const { caller } = desk;
  return (
    <section className="card incoming" role="alert" data-testid="incoming">
      <div className="grow">
        <b>{t(incoming.known ? "incoming.known" : "incoming.unknown")}</b>{" "}
        <span className="mono">{words("said", incoming.phone_masked)}</span>
        <CaseFacts order={caller} />
        {caller?.phase && (
          <div data-testid="incoming-state">
            {[caller.phase, caller.next_step ?? ""]
              .filter(Boolean)
              .map((each) => words("said", each))
              .join(" · ")}
          </div>
        )}
        <div className="muted small">
          {t(incoming.known ? "incoming.check" : "incoming.no_case")}
        </div>
      </div>
      <Button data-testid="accept" type="primary" size="large" onClick={desk.accept}>
        {t("incoming.accept")} <kbd>Alt A</kbd>
      </Button>
      <Button data-testid="decline" onClick={desk.decline}>
        {t("incoming.decline")}
      </Button>
    </section>
  );
}
