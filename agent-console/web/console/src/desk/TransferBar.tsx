// A transfer under way, below the call: who is asked, for how long yet, and the way back.

import { Button } from "antd";
import { useTranslation } from "react-i18next";
import type { HandOver } from "../lib/types.ts";
import type { Desk } from "./useDesk.ts";

interface TransferBarProps {
  desk: Desk;
  transfer: HandOver;
  /** By the server's clock. */
  now: number;
}

export function TransferBar({ desk, transfer, now }: TransferBarProps) {
  const { t } = useTranslation();
  const { phase, to_name: name } = transfer;
  const left = Math.max(0, Math.ceil((Date.parse(transfer.until_at) - now) / 1000));
  return (
    <div className="transfer" data-testid="transfer-bar" data-phase={phase}>
      <div className="grow">
        <b>{t(`transfer.${phase}`, { name })}</b>
        {phase === "ringing" && (
          <span className="muted" role="timer" aria-live="off">
            {" "}
            {t("transfer.left", { n: left })}
          </span>
        )}
        <div className="muted small">{t(`transfer.${phase}_why.${transfer.mode}`)}</div>
      </div>
      <div className="row">
        {phase === "consulting" && (
          <Button
            data-testid="transfer-join"
            title={`${t("transfer.join_why")} (Alt J)`}
            onClick={desk.joinTransfer}
          >
            {t("transfer.join")} <kbd>Alt J</kbd>
          </Button>
        )}
        {phase === "joined" && (
          <Button
            data-testid="transfer-leave"
            title={t("transfer.leave_why", { name })}
            onClick={desk.completeTransfer}
          >
            {t("transfer.leave")}
          </Button>
        )}
        {phase === "consulting" && (
          <Button
            type="primary"
            data-testid="transfer-complete"
            autoFocus
            onClick={desk.completeTransfer}
          >
            {t("transfer.complete")}
          </Button>
        )}
        {phase !== "done" && (
          <Button data-testid="transfer-cancel" onClick={desk.cancelTransfer}>
            {t(phase === "joined" ? "transfer.let_go" : "transfer.cancel", { name })}
          </Button>
        )}
      </div>
    </div>
  );
}
