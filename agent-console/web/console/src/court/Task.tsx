// One task for a judge: where it stands, the conclusion with its rule, the recording beside
// its words, the papers with their hashes, what happened.

import { useQuery } from "@tanstack/react-query";
import { Alert, Button } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useTwo, useWords } from "../i18n/index.ts";
import { get, id } from "../lib/http.ts";
import { useLook } from "../lib/look.ts";
import { may } from "../lib/session.ts";
import { dateTime, day, shortTime } from "../lib/time.ts";
import type { Me, OutcomeTable, TaskDetail } from "../lib/types.ts";
import { Link } from "../shell/Shell.tsx";
import { Loading } from "../ui/Loading.tsx";
import { Failed } from "../ui/problem.tsx";
import "./court.css";
import { Calls } from "./Calls.tsx";
import { Doubts } from "./Doubts.tsx";
import { Papers, Reports } from "./Papers.tsx";
import { Recording } from "./Recording.tsx";
import { Timeline } from "./Timeline.tsx";

const EVERY_MS = 10_000;

export default function Task({ me, taskId }: { me: Me; taskId: string }) {
  const { t } = useTranslation();
  const words = useWords();
  const [chosen, setChosen] = useState(() =>
    new URLSearchParams(window.location.search).get("call"),
  );
  const look = useLook(`/tasks/${id(taskId)}`);
  const query = useQuery({
    queryKey: ["task", taskId],
    queryFn: () => get<TaskDetail>(look()),
    refetchInterval: EVERY_MS,
  });
  const table = useQuery({
    queryKey: ["outcomes", "plain"],
    queryFn: () => get<OutcomeTable>("/outcomes"),
    enabled: may(me, "outcomes.read"),
    staleTime: Number.POSITIVE_INFINITY,
  });
  if (query.error && !query.data) {
    return (
      <div className="page">
        <Failed error={query.error} onRetry={() => void query.refetch()} />
      </div>
    );
  }
  if (!query.data) return <Loading />;
  const task = query.data;
  const calls = task.calls ?? [];
  const call =
    calls.find((each) => each.id === chosen) ??
    calls.find((each) => each.recording !== null) ??
    calls[0];
  const matter = task.case;
  // Of the case: versions count by task, and another's first is not this one's.
  const doubts = task.doubts ?? [];
  return (
    <div className="page">
      <p className="crumb">
        <Link to="/cases">{t("area.cases")}</Link> ›{" "}
        <Link to={`/cases/${id(matter.id)}`}>{matter.number}</Link> › {t("task.crumb")}
      </p>
      <div className="head">
        <h1>{task.recipient}</h1>
        <span className="tag blue">{words("said", task.position)}</span>
        <span className="muted">
          {[matter.cause, words("said", matter.procedure), task.number].filter(Boolean).join(" · ")}
        </span>
        <span className="grow" />
        <span className="muted">
          {matter.dept} {matter.judge_name} · {t("field.hearing")}{" "}
          {dateTime(matter.hearing_at) || t("field.none")} {matter.hearing_room}
        </span>
      </div>
      <Nodes task={task} />
      <Doubts doubts={doubts} />
      <Escalations task={task} onCall={setChosen} />
      <div className="cols">
        <div>
          <Conclusion task={task} />
          {call ? (
            <Recording key={call.id} me={me} call={call} />
          ) : (
            <p className="card none">{t("call.none")}</p>
          )}
          <Calls
            calls={calls}
            attempts={Array.isArray(task.attempts) ? task.attempts : []}
            table={table.data ?? null}
            doubts={doubts}
            current={call?.id ?? null}
            onChoose={setChosen}
          />
        </div>
        <div>
          <Reports
            me={me}
            reports={task.reports ?? []}
            doubts={doubts.filter((doubt) => doubt.task_id === taskId)}
          />
          <Timeline events={task.events} onCall={setChosen} />
          <Papers me={me} documents={task.documents} doubts={doubts} />
          <Phones task={task} />
        </div>
      </div>
    </div>
  );
}

function Nodes({ task }: { task: TaskDetail }) {
  const { t } = useTranslation();
  return (
    <ol className="card nodes">
      {(task.nodes ?? []).map((node) => (
        <li
          key={node.key}
          className={`n ${node.state}`}
          aria-current={node.state === "now" ? "step" : undefined}
        >
          <b>{t(`node.${node.key}`)}</b>
          <span>{node.at ? shortTime(node.at) : t(`node_state.${node.state}`)}</span>
        </li>
      ))}
    </ol>
  );
}

/** What the agents could not settle and a judge must. */
function Escalations({ task, onCall }: { task: TaskDetail; onCall: (id: string) => void }) {
  const { t } = useTranslation();
  const two = useTwo();
  return task.escalations.map((each) => (
    <Alert
      key={each.call_id}
      className="escalation"
      data-testid="escalation"
      type="warning"
      showIcon
      title={t("escalation.title", { why: two(each.reason_zh, each.reason_en) })}
      description={t("escalation.by", { agent: each.agent, at: dateTime(each.at) })}
      action={<Button onClick={() => onCall(each.call_id)}>{t("call.listen")}</Button>}
    />
  ));
}

function Conclusion({ task }: { task: TaskDetail }) {
  const { t } = useTranslation();
  const words = useWords();
  const last = Array.isArray(task.attempts) ? task.attempts[task.attempts.length - 1] : undefined;
  // Until a rule says otherwise the result is open, whatever was agreed.
  const decided = task.result_at !== null;
  const next =
    !decided && task.next_step && t("desk.next_is", { next: words("said", task.next_step) });
  return (
    <section className="card conclusion">
      <h2>{t("task.conclusion")}</h2>
      <div className="row">
        <span className={`big grow ${decided ? "done" : ""}`}>
          {decided
            ? `${words("said", task.result)} · ${day(task.result_at)}`
            : words("said", task.phase)}
        </span>
        {task.result_rule && (
          <span className="tag green">{t("task.rule", { rule: task.result_rule })}</span>
        )}
      </div>
      <p className="muted">
        {[last?.note, next].filter(Boolean).join(" · ") ||
          t(decided ? "task.done_why" : "task.open_why")}
      </p>
    </section>
  );
}

function Phones({ task }: { task: TaskDetail }) {
  const { t } = useTranslation();
  const words = useWords();
  return (
    <section className="card">
      <h2 className="inset">{t("desk.phones")}</h2>
      {task.phones.map((phone) => (
        <div key={phone.phone_id} className="file">
          <div className="grow">
            <b>{phone.masked}</b>{" "}
            <span className="muted small">
              {[phone.label, phone.source]
                .filter(Boolean)
                .map((each) => words("said", each))
                .join(" · ")}
            </span>
          </div>
          {phone.last_result && phone.last_result !== phone.state && (
            <span className="tag">{words("said", phone.last_result)}</span>
          )}
          <span className="tag">{words("said", phone.state)}</span>
        </div>
      ))}
      {task.id_masked && (
        <div className="file">
          <span className="grow">
            {t("field.id")} {task.id_masked}
          </span>
          {task.id_state && <span className="tag">{words("said", task.id_state)}</span>}
        </div>
      )}
    </section>
  );
}
