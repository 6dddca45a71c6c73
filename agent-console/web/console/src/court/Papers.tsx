// Papers with their hashes: the reports in all their versions, and what is to be served.

import { Button } from "antd";
import { useTranslation } from "react-i18next";
import { useWords } from "../i18n/index.ts";
import { fileUrl, id } from "../lib/http.ts";
import { may } from "../lib/session.ts";
import { dateTime } from "../lib/time.ts";
import type { Doubt, Me, Report, TaskDocument } from "../lib/types.ts";
import { DoubtTag } from "./Doubts.tsx";
import { Gone } from "./Gone.tsx";

const IN_FORCE = "有效";

export function Reports(props: { me: Me; reports: Report[]; doubts?: Doubt[] }) {
  const { me, reports, doubts = [] } = props;
  const { t } = useTranslation();
  const words = useWords();
  const newestFirst = [...reports].sort((a, b) => b.version - a.version);
  return (
    <section className="card">
      <h2 className="inset">{t("report.title")}</h2>
      {newestFirst.map((report) => {
        const path = `/reports/${id(report.id)}/pdf`;
        const replaced = report.state !== IN_FORCE;
        const is = (doubt: Doubt) => doubt.kind === "report" && doubt.name === `v${report.version}`;
        const doubtful = doubts.some(is);
        const delivered = report.delivered?.state;
        return (
          <div key={report.id} className="file" data-testid="report">
            <div className="grow">
              <b>{t(report.kind === "T3-phone" ? "report.phone" : "report.other")}</b>{" "}
              <span className="tag">{t("report.version", { n: report.version })}</span>{" "}
              <DoubtTag doubts={doubts} is={is} />{" "}
              {replaced && <span className="tag amber">{words("said", report.state)}</span>}{" "}
              {report.transcript_state && (
                <span className="tag">{words("said", report.transcript_state)}</span>
              )}
              <div className="muted small">
                {dateTime(report.created_at)} · {t("field.pages", { n: report.pages })}
                {delivered && ` · ${t(`delivered.${delivered}`)}`}
              </div>
              <div className="mono" title={`SM3 ${report.sm3}\nSHA-256 ${report.sha256}`}>
                SM3 {short(report.sm3)} · {report.template} v{report.template_version}
                <br />
                SHA-256 {short(report.sha256)}
              </div>
              {report.removal && <Gone me={me} removal={report.removal} />}
            </div>
            {doubtful && !report.removal && (
              <span className="muted small" data-testid="report-doubtful">
                {t("report.doubtful")}
              </span>
            )}
            {!doubtful && !report.removal && may(me, "report.read") && (
              <span className="two">
                <Button
                  size="small"
                  href={`${fileUrl(path)}?download=0`}
                  target="_blank"
                  rel="noreferrer"
                >
                  {t("report.view")}
                </Button>
                <Button size="small" href={`${fileUrl(path)}?download=1`} data-testid="report-pdf">
                  {t("report.download")}
                </Button>
              </span>
            )}
          </div>
        );
      })}
      {reports.length === 0 && <p className="none">{t("report.none")}</p>}
    </section>
  );
}

export function Papers(props: { me: Me; documents: TaskDocument[]; doubts?: Doubt[] }) {
  const { me, documents, doubts = [] } = props;
  const { t } = useTranslation();
  const words = useWords();
  return (
    <section className="card">
      <h2 className="inset">
        {t("desk.documents")} {documents.length}
      </h2>
      {documents.map((document) => (
        <div key={document.id} className="file">
          <div className="grow">
            <b>{document.name}</b>{" "}
            <DoubtTag
              doubts={doubts}
              is={(doubt) => doubt.kind === "document" && doubt.name === document.name}
            />{" "}
            <span className="muted small">
              {document.pages !== null && t("field.pages", { n: document.pages })}
            </span>
            {document.sm3 && (
              <div className="mono" title={document.sm3}>
                SM3 {short(document.sm3)}
              </div>
            )}
            {document.removal && <Gone me={me} removal={document.removal} />}
          </div>
          <span className="tag">{words("said", document.state)}</span>
        </div>
      ))}
    </section>
  );
}

/** First and last of a hash: enough to compare at a glance, the whole is in the title. */
function short(hash: string | null): string {
  if (!hash) return "—";
  return hash.length > 20 ? `${hash.slice(0, 10)}…${hash.slice(-6)}` : hash;
}
