// A deletion certificate as it is printed: who, what, when, and the hashes of what is gone.

import { useQuery } from "@tanstack/react-query";
import { Button } from "antd";
import { useTranslation } from "react-i18next";
import { useWords } from "../../i18n/index.ts";
import { bytes } from "../../lib/bytes.ts";
import { get, id } from "../../lib/http.ts";
import { dateTime } from "../../lib/time.ts";
import type { DeletionCertificate } from "../../lib/types.ts";
import { Link } from "../../shell/Shell.tsx";
import { Loading } from "../../ui/Loading.tsx";
import { Failed } from "../../ui/problem.tsx";
import "./evidence.css";

export default function Certificate({ certificateId }: { certificateId: string }) {
  const { t } = useTranslation();
  const words = useWords();
  const query = useQuery({
    queryKey: ["certificate", certificateId],
    queryFn: () => get<DeletionCertificate>(`/retention/certificates/${id(certificateId)}`),
    staleTime: Number.POSITIVE_INFINITY,
  });
  if (query.error) {
    return (
      <div className="page">
        <Failed error={query.error} onRetry={() => void query.refetch()} />
      </div>
    );
  }
  if (!query.data) return <Loading />;
  const { content, ...proof } = query.data;
  const json = `data:application/json;charset=utf-8,${encodeURIComponent(
    JSON.stringify({
      signed: proof.signed,
      suite: proof.suite,
      key_id: proof.key_id,
      signature: proof.signature,
    }),
  )}`;
  return (
    <div className="page certificate">
      <p className="crumb no-print">
        <Link to="/evidence/retention">{t("retention.title")}</Link> › {t("retention.certificate")}
      </p>
      <div className="head">
        <h1>{t("certificate.title")}</h1>
        <span className={`tag ${proof.is_genuine ? "green" : "red"}`}>
          {t(proof.is_genuine ? "certificate.genuine" : "certificate.forged")}
        </span>
        <span className="grow" />
        <span className="no-print row">
          <Button href={json} download={`certificate-${proof.id}.json`} data-testid="json">
            JSON
          </Button>
          <Button type="primary" data-testid="print" onClick={() => window.print()}>
            {t("certificate.print")}
          </Button>
        </span>
      </div>
      <dl className="card facts">
        <Fact name={t("certificate.court")} value={`${content.court.name} ${content.court.code}`} />
        <Fact name={t("certificate.no")} value={proof.id} />
        <Fact
          name={t("certificate.ground")}
          value={t(`removal.ground.${content.contract_end ? "contract_end" : "period"}`)}
        />
        <Fact
          name={t("retention.asked")}
          value={[`${content.asked.by} ${dateTime(content.asked.at)}`, content.asked.reason]
            .filter(Boolean)
            .join(" · ")}
        />
        <Fact
          name={t("retention.decided")}
          value={[
            `${content.approved.by} ${dateTime(content.approved.at)}`,
            content.approved.reason,
          ]
            .filter(Boolean)
            .join(" · ")}
        />
        <Fact name={t("certificate.done")} value={dateTime(content.finished_at)} />
        <Fact
          name={t("certificate.what")}
          value={t("retention.amount", {
            count: content.files.length,
            n: content.files.length,
            size: bytes(content.bytes),
          })}
        />
      </dl>
      <table className="card listed">
        <thead>
          <tr>
            <th scope="col">{t("evidence.file")}</th>
            <th scope="col">{t("evidence.case")}</th>
            <th scope="col">{t("certificate.hashes")}</th>
            <th scope="col">{t("certificate.gone")}</th>
          </tr>
        </thead>
        <tbody>
          {content.files.map((file) => (
            <tr key={file.file}>
              <td>
                {words("evidence.kind", file.kind)}
                <div className="mono">{file.file}</div>
              </td>
              <td>
                {file.case}
                <div className="muted small">{file.task}</div>
              </td>
              <td className="mono">
                SHA-256 {file.sha256}
                <br />
                SM3 {file.sm3}
                <br />
                {file.root_of && t("certificate.in_root", { day: file.root_of })}
              </td>
              <td>{dateTime(file.deleted_at)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {content.kept.length > 0 && (
        <section className="card">
          <h2 className="inset">{t("certificate.kept")}</h2>
          {content.kept.map((file) => (
            <div key={file.file} className="file">
              <span className="mono grow">{file.file}</span> {file.case}{" "}
              <span className="tag">{words("retention.why", file.why)}</span>
            </div>
          ))}
        </section>
      )}
      <p className="mono">
        {t("certificate.root")} SHA-256 {content.root.sha256}
        <br />
        SM3 {content.root.sm3}
        <br />
        {t("certificate.signature", { suite: proof.suite, key: proof.key_id })} {proof.signature}
      </p>
    </div>
  );
}

function Fact({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}
