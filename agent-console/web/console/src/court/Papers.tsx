// Papers with their hashes: the reports in all their versions, and what is to be served.

import { useQueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { useWords } from "../i18n/index.ts";
import { id } from "../lib/http.ts";
import { may } from "../lib/session.ts";
import { dateTime } from "../lib/time.ts";
import type { Doubt, Me, Report, TaskDocument } from "../lib/types.ts";
import { FileButton, FileNews, useFile } from "../ui/FileButton.tsx";
import { DoubtTag } from "./Doubts.tsx";
import { Gone } from "./Gone.tsx";

const IN_FORCE = "有效";

export function Reports(props: { me: Me; reports: Report[]; doubts?: Doubt[] }) {
  const { me, reports, doubts = [] } = props;
  const { t } = useTranslation();
  const newestFirst = [...reports].sort((a, b) => b.version - a.version);
  return (
    <section className="card">
      <h2 className="inset">{t("report.title")}</h2>
      {newestFirst.map((report) => (
        <ReportRow key={report.id} me={me} report={report} doubts={doubts} />
      ))}
      {reports.length === 0 && <p className="none">{t("report.none")}</p>}
    </section>
  );
}

function ReportRow({ me, report, doubts }: { me: Me; report: Report; doubts: Doubt[] }) {
  const { t } = useTranslation();
  const words = useWords();
  const queries = useQueryClient();
  // Whoever looks may be the one who finds it: then its mark is asked for.
  const file = useFile(() => void queries.invalidateQueries({ queryKey: ["task"] }));
  const path = `/reports/${id(report.id)}/pdf`;
  const name = `report-${report.id}-v${report.version}.pdf`;
  const replaced = report.state !== IN_FORCE;
  const is = (doubt: Doubt) => doubt.kind === "report" && doubt.name === `v${report.version}`;
  const doubtful = doubts.some(is);
  const delivered = report.delivered?.state;
  return (
    <div className="file" data-testid="report">
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
        <FileNews file={file} />
      </div>
      {doubtful && !report.removal && (
        <span className="muted small" data-testid="report-doubtful">
          {t("report.doubtful")}
        </span>
      )}
      {!doubtful && !report.removal && may(me, "report.read") && (
        <span className="two">
          <FileButton
            file={file}
            path={`${path}?download=0`}
            name={name}
            how="open"
            size="small"
            testId="report-view"
          >
            {t("report.view")}
          </FileButton>
          <FileButton
            file={file}
            path={`${path}?download=1`}
            name={name}
            how="save"
            size="small"
            testId="report-pdf"
          >
            {t("report.download")}
          </FileButton>
        </span>
      )}
    </div>
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
