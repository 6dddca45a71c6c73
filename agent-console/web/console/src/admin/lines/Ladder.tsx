// One call as it was on the wire, for whoever asks the carrier why it ended. Numbers are masked;
// the server keeps the latest calls of its run only.

import { useQuery } from "@tanstack/react-query";
import { Button, Input } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { get, id, Problem } from "../../lib/http.ts";
import { dateTimeSeconds } from "../../lib/time.ts";
import type { CallLadder, LadderWay, TrunkRow } from "../../lib/types.ts";
import { Loading } from "../../ui/Loading.tsx";
import { Failed } from "../../ui/problem.tsx";
import { CALLS, TELEPHONY } from "./forms.ts";

export function Ladder({ trunks }: { trunks: TrunkRow[] }) {
  const { t } = useTranslation();
  const [typed, setTyped] = useState("");
  const [call, setCall] = useState("");
  const found = useQuery({
    queryKey: [...TELEPHONY, "ladder", call],
    queryFn: () => get<CallLadder>(`${CALLS}/${id(call)}/ladder`),
    enabled: call !== "",
    retry: false,
  });
  const look = () => {
    const wanted = typed.trim();
    if (wanted && wanted === call) void found.refetch();
    setCall(wanted);
  };
  const unknown = found.error instanceof Problem && found.error.status === 404;
  return (
    <section className="card ladder" aria-label={t("lines.ladder")}>
      <h2>{t("lines.ladder")}</h2>
      <div className="row ask">
        <Input
          className="mono"
          data-testid="ladder-call"
          aria-label={t("lines.ladder_call")}
          placeholder={t("lines.ladder_call")}
          maxLength={64}
          value={typed}
          onChange={(event) => setTyped(event.target.value)}
          onPressEnter={look}
        />
        <Button
          data-testid="ladder-look"
          disabled={!typed.trim()}
          loading={found.isFetching}
          onClick={look}
        >
          {t("lines.ladder_look")}
        </Button>
        <span className="muted small grow">{t("lines.hint.ladder")}</span>
      </div>
      {unknown && <p className="none">{t("lines.ladder_unknown")}</p>}
      {found.error && !unknown && (
        <Failed error={found.error} onRetry={() => void found.refetch()} />
      )}
      {call && found.isPending && <Loading />}
      {found.data?.ways.map((way) => (
        <Way key={`${way.started_at} ${way.trunk_id}`} way={way} trunks={trunks} />
      ))}
    </section>
  );
}

/** One way that a call was tried, or by which it came. */
function Way({ way, trunks }: { way: LadderWay; trunks: TrunkRow[] }) {
  const { t } = useTranslation();
  const trunk = trunks.find((row) => row.id === way.trunk_id)?.name ?? way.trunk_id;
  const began = Date.parse(way.started_at);
  return (
    <div className="way" data-testid="ladder-way">
      <p>
        <b>{t(way.incoming ? "lines.ladder_in" : "lines.ladder_out", { trunk })}</b>{" "}
        <span className="muted small">
          {[
            dateTimeSeconds(way.started_at),
            way.caller,
            way.status && `SIP ${way.status}`,
            way.q850 && `Q.850 ${way.q850}`,
            way.cause,
          ]
            .filter(Boolean)
            .join(" · ")}
        </span>
      </p>
      {way.steps.length === 0 ? (
        <p className="none">{t("lines.ladder_gone")}</p>
      ) : (
        <table>
          <thead>
            <tr>
              <th scope="col">{t("lines.step.time")}</th>
              <th scope="col">{t("lines.step.direction")}</th>
              <th scope="col">{t("lines.step.message")}</th>
              <th scope="col">{t("lines.step.status")}</th>
            </tr>
          </thead>
          <tbody>
            {way.steps.map((step) => (
              <tr key={`${step.after_ms} ${step.direction} ${step.cseq} ${step.what}`}>
                <td className="mono">
                  {dateTimeSeconds(new Date(began + step.after_ms).toISOString())}
                  <div className="muted small">+{(step.after_ms / 1000).toFixed(3)} s</div>
                </td>
                <td>
                  {t(`lines.step.${step.direction}`)}
                  <div className="muted small mono">
                    {step.protocol} {step.remote}
                  </div>
                </td>
                <td className="mono">
                  {messageOf(step.what, step.cseq)}
                  <div className="muted small">
                    {[step.sdp, ...step.headers.map((header) => header.join(": "))]
                      .filter(Boolean)
                      .join(" · ")}
                  </div>
                </td>
                <td className="mono">
                  {statusOf(step.what)}
                  {step.reason && <div className="muted small">{step.reason}</div>}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </div>
  );
}

/** A request is its method and address; a response is what it answers. */
function messageOf(what: string, cseq: string): string {
  return statusOf(what) ? cseq.replace(/^\d+ /, "") : what;
}

function statusOf(what: string): string {
  return /^\d{3}\b/.test(what) ? what : "";
}
