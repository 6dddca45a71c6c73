// Calls that came in and belong to no task: heard, linked to a task, or dismissed with a
// reason. Whoever was not spoken to stands here with 待回拨.

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Alert, Button, Modal } from "antd";
import { type FormEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import { Broken, brokenBy, Partly } from "../court/Broken.tsx";
import { useWords } from "../i18n/index.ts";
import { fileUrl, get, id, type Problem, post, refusal } from "../lib/http.ts";
import { may } from "../lib/session.ts";
import { clock, dateTime } from "../lib/time.ts";
import type {
  CaseDetail,
  CaseRow,
  InboundCall,
  InboundTranscript,
  Me,
  Page,
  TaskRow,
} from "../lib/types.ts";
import { List } from "../ui/List.tsx";
import { Failed } from "../ui/problem.tsx";
import { InboundSettings } from "./InboundSettings.tsx";
import "./inbound.css";
import { useFocusBack } from "../ui/useFocusBack.ts";

type Which = "open" | "settled";
/** Callers do not wait for a reload of the page. */
const EVERY_MS = 10_000;
const SHORTEST_REASON = 2;
const LONGEST_REASON = 200;

export default function Inbound({ me }: { me: Me }) {
  const { t } = useTranslation();
  const words = useWords();
  const [which, setWhich] = useState<Which>("open");
  const [chosen, setChosen] = useState<InboundCall | null>(null);
  return (
    <div className="page">
      <div className="head">
        <h1>{t("area.inbound")}</h1>
        <span className="muted grow">{t("inbound.why")}</span>
        {(["open", "settled"] as const).map((each) => (
          <Button
            key={each}
            data-testid={`inbound-${each}`}
            aria-pressed={which === each}
            type={which === each ? "primary" : "default"}
            onClick={() => setWhich(each)}
          >
            {t(`inbound.${each}`)}
          </Button>
        ))}
      </div>
      <List<InboundCall>
        path={`/inbound?state=${which}`}
        rowKey={(row) => row.id}
        testId="inbound-row"
        empty={t(`inbound.none.${which}`)}
        every={EVERY_MS}
        columns={[
          { title: t("inbound.at"), width: 150, render: (_v, row) => dateTime(row.at) },
          {
            title: t("inbound.caller"),
            width: 190,
            render: (_v, row) => (
              <>
                <span className="mono">{words("said", row.phone_masked)}</span>
                <div className="row tight">
                  {row.call_back && <span className="tag amber">{t("inbound.call_back")}</span>}
                  {row.message && <span className="tag blue">{t("inbound.message")}</span>}
                </div>
              </>
            ),
          },
          {
            title: t("inbound.task"),
            render: (_v, row) =>
              row.task ? (
                <>
                  <b>{row.task.recipient}</b> · {row.task.case_number}
                  <div className="muted small">{row.task.number}</div>
                </>
              ) : (
                <span className="muted">{t("inbound.unlinked")}</span>
              ),
          },
          {
            title: t("inbound.what"),
            width: 170,
            render: (_v, row) => (
              <>
                {row.agent ? t("inbound.talked", { agent: row.agent }) : t("inbound.not_talked")}
                <div className="muted small">{clock(row.recording_ms || row.lasted_ms)}</div>
              </>
            ),
          },
          {
            title: t("inbound.do"),
            width: 160,
            render: (_v, row) =>
              row.state === "open" ? (
                <Button size="small" data-testid="settle" onClick={() => setChosen(row)}>
                  {t("inbound.settle")}
                </Button>
              ) : (
                <>
                  {t(`inbound.state.${row.state}`)} · {row.settled_by}
                  {row.reason && <div className="muted small">{row.reason}</div>}
                </>
              ),
          },
        ]}
      />
      {chosen && <Settle call={chosen} onClose={() => setChosen(null)} />}
      {may(me, "settings.manage") && <InboundSettings />}
    </div>
  );
}

/** One call: heard, read, and settled in one of two ways. */
function Settle({ call, onClose }: { call: InboundCall; onClose: () => void }) {
  useFocusBack();
  const { t } = useTranslation();
  const words = useWords();
  const queries = useQueryClient();
  const [reason, setReason] = useState("");
  const done = () => {
    void queries.invalidateQueries({ queryKey: ["list"] });
    onClose();
  };
  const link = useMutation({
    mutationFn: (task: string) => post<void>(`/inbound/${id(call.id)}/link`, { task }),
    onSuccess: done,
  });
  const dismiss = useMutation({
    mutationFn: () => post<void>(`/inbound/${id(call.id)}/dismiss`, { reason: reason.trim() }),
    onSuccess: done,
  });
  const length = [...reason.trim()].length;
  const fits = length >= SHORTEST_REASON && length <= LONGEST_REASON;
  const busy = link.isPending || dismiss.isPending;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (fits && !busy) dismiss.mutate();
  };
  return (
    <Modal
      open
      width={720}
      footer={null}
      title={t("inbound.settle_title", { phone: words("said", call.phone_masked) })}
      onCancel={onClose}
    >
      <div className="settle">
        <Heard call={call} />
        {call.transcript === "ready" && <Lines call={call.id} />}
        {(link.error || dismiss.error) && <Failed error={link.error ?? dismiss.error} />}
        <section>
          <h3>{t("inbound.link")}</h3>
          {call.task && (
            <div className="row">
              <span className="grow">
                <b>{call.task.recipient}</b> · {call.task.case_number}
              </span>
              <Button
                type="primary"
                data-testid="link-matched"
                loading={link.isPending}
                onClick={() => call.task && link.mutate(call.task.id)}
              >
                {t("inbound.link_this")}
              </Button>
            </div>
          )}
          <FindTask busy={busy} onChoose={(task) => link.mutate(task)} />
        </section>
        <form onSubmit={submit}>
          <h3>{t("inbound.dismiss")}</h3>
          <div className="row">
            <label className="grow">
              <span className="muted small">{t("inbound.reason")}</span>
              <input
                data-testid="dismiss-reason"
                maxLength={LONGEST_REASON}
                value={reason}
                onChange={(event) => setReason(event.target.value)}
              />
            </label>
            <Button
              htmlType="submit"
              data-testid="dismiss"
              disabled={!fits || busy}
              loading={dismiss.isPending}
            >
              {t("inbound.dismiss")}
            </Button>
          </div>
        </form>
      </div>
    </Modal>
  );
}

/** What can be heard of a call, or why nothing can. */
function Heard({ call }: { call: InboundCall }) {
  const { t } = useTranslation();
  /** The player failed: nothing while it did not, and no problem where the file is there after all. */
  const [failed, setFailed] = useState<{ problem: Problem | null } | null>(null);
  const { recording } = call;
  const path = `/inbound/${id(call.id)}/audio`;
  if (recording === null) {
    // Whoever was answered was recorded: then it is only not there yet.
    const none = call.lasted_ms > 0 ? "recording.none_yet" : "recording.none";
    return <p className="none">{t(none)}</p>;
  }
  if (recording === "deleted" || recording === "live" || recording === "unsealed") {
    return <p className="none">{t(`recording.${recording}`)}</p>;
  }
  if (recording === "missing" || recording === "altered") return <Broken verdict={recording} />;
  const broken = brokenBy(failed?.problem);
  if (broken) return <Broken verdict={broken} />;
  if (failed?.problem) return <Failed error={failed.problem} onRetry={() => setFailed(null)} />;
  return (
    <>
      {/* biome-ignore lint/a11y/useMediaCaption: what was said stands below, once it is there */}
      <audio
        controls
        preload="none"
        data-testid="inbound-audio"
        aria-label={t("inbound.listen")}
        src={fileUrl(path)}
        onError={() => void refusal(path).then((problem) => setFailed({ problem }))}
      />
      {failed && (
        <Alert data-testid="error-player.failed" type="error" showIcon title={t("player.failed")} />
      )}
      <Partly state={recording} />
    </>
  );
}

function Lines({ call }: { call: string }) {
  const query = useQuery({
    queryKey: ["inbound-transcript", call],
    queryFn: () => get<InboundTranscript>(`/inbound/${id(call)}/transcript`),
    staleTime: Number.POSITIVE_INFINITY,
  });
  if (query.error) return <Failed error={query.error} onRetry={() => void query.refetch()} />;
  return (
    <ol className="lines" data-testid="inbound-lines">
      {query.data?.lines.map((line) => (
        <li key={`${line.from_ms} ${line.text}`}>
          <span className="muted mono">{clock(line.from_ms)}</span> {line.text}
        </li>
      ))}
    </ol>
  );
}

/** Looks for a task by the number of its case. */
function FindTask({ busy, onChoose }: { busy: boolean; onChoose: (task: string) => void }) {
  const { t } = useTranslation();
  const [words, setWords] = useState("");
  const [asked, setAsked] = useState("");
  const cases = useQuery({
    queryKey: ["inbound-cases", asked],
    queryFn: () => get<Page<CaseRow>>(`/cases?q=${encodeURIComponent(asked)}`),
    enabled: asked !== "",
  });
  const found = cases.data?.items.slice(0, 5) ?? [];
  return (
    <>
      <form
        className="row"
        onSubmit={(event) => {
          event.preventDefault();
          setAsked(words.trim());
        }}
      >
        <label className="grow">
          <span className="muted small">{t("inbound.case_number")}</span>
          <input
            data-testid="find-case"
            value={words}
            onChange={(event) => setWords(event.target.value)}
          />
        </label>
        <Button htmlType="submit" data-testid="find" loading={cases.isFetching}>
          {t("inbound.find")}
        </Button>
      </form>
      {cases.error && <Failed error={cases.error} onRetry={() => void cases.refetch()} />}
      {cases.data && found.length === 0 && <p className="muted">{t("inbound.no_case_found")}</p>}
      {found.map((each) => (
        <TasksOf key={each.id} caseId={each.id} busy={busy} onChoose={onChoose} />
      ))}
    </>
  );
}

interface TasksOfProps {
  caseId: string;
  busy: boolean;
  onChoose: (task: string) => void;
}

function TasksOf({ caseId, busy, onChoose }: TasksOfProps) {
  const { t } = useTranslation();
  const query = useQuery({
    queryKey: ["case", caseId],
    queryFn: () => get<CaseDetail>(`/cases/${id(caseId)}`),
  });
  return (
    <>
      {query.error && <Failed error={query.error} onRetry={() => void query.refetch()} />}
      {query.data?.tasks.map((task: TaskRow) => (
        <div className="row" key={task.id} data-testid="found-task">
          <span className="grow">
            <b>{task.recipient}</b> · {task.case_number}{" "}
            <span className="muted small">
              {task.number} · {task.phase}
            </span>
          </span>
          <Button size="small" disabled={busy} onClick={() => onChoose(task.id)}>
            {t("inbound.link_this")}
          </Button>
        </div>
      ))}
    </>
  );
}
