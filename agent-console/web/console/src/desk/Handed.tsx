// A colleague's call at this desk: it rings, is talked over where he asks first, and then the
// party is here.

import { Button } from "antd";
import { useEffect, useRef } from "react";
import { useTranslation } from "react-i18next";
import { useWords } from "../i18n/index.ts";
import { ring } from "./bell.ts";
import { CaseFacts } from "./Incoming.tsx";
import type { Desk } from "./useDesk.ts";

export function Handed({ desk }: { desk: Desk }) {
  const { t } = useTranslation();
  const words = useWords();
  const call = desk.state.handed;
  const ringing = call?.phase === "ringing" ? call.call_id : null;
  const last = useRef<string | null>(null);
  useEffect(() => {
    if (ringing && ringing !== last.current) void ring();
    last.current = ringing;
  }, [ringing]);
  if (!call) return null;
  const talking = call.phase === "consulting" || call.phase === "joined";
  return (
    <section
      className="card incoming"
      role="alert"
      data-testid="handed"
      data-phase={call.phase}
      data-mode={call.mode}
    >
      <div className="grow">
        <b>{t("handed.title", { name: call.from_name })}</b>{" "}
        <span className="mono">{words("said", call.phone_masked)}</span>
        <CaseFacts order={desk.handed} />
        <div className="muted small">
          {call.phase === "ringing" ? t(`handed.${call.mode}`) : t(`handed.${call.phase}`)}
        </div>
      </div>
      {call.phase === "ringing" && (
        <Button data-testid="handed-accept" type="primary" size="large" onClick={desk.accept}>
          {t("incoming.accept")} <kbd>Alt A</kbd>
        </Button>
      )}
      {talking && call.phase === "joined" && (
        <span className="rec" data-testid="handed-recording">
          <span className="dot" />
          {t("desk.recording")}
        </span>
      )}
      {talking && call.supervision && (
        <span className="tag blue" data-testid="handed-supervision" role="status">
          {t(`supervise.chip.${call.supervision.what}`, { name: call.supervision.by_name })}
        </span>
      )}
      {talking && (
        <Button
          data-testid="handed-mute"
          title={`${t("keys.mute")} (Alt M)`}
          aria-pressed={desk.handedMuted}
          type={desk.handedMuted ? "primary" : "default"}
          onClick={() => desk.muteHanded(!desk.handedMuted)}
        >
          {t(desk.handedMuted ? "desk.unmute" : "desk.mute")} <kbd>Alt M</kbd>
        </Button>
      )}
      <Button data-testid="handed-decline" onClick={desk.declineTransfer}>
        {t(
          call.phase === "ringing"
            ? "handed.decline"
            : call.phase === "joined"
              ? "handed.leave_three"
              : "handed.leave",
        )}
      </Button>
    </section>
  );
}
