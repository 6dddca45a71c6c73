// The words of a call: a line seeks, the line that is heard is marked, weak passages have a
// ground of their own. A correction stands in place; what the machine wrote stays beside it.

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Alert, Button, Input } from "antd";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { get, id, put } from "../lib/http.ts";
import { may } from "../lib/session.ts";
import { clock, dateTime } from "../lib/time.ts";
import type { CallRow, Me, Transcript, TranscriptLine } from "../lib/types.ts";
import { FileButton, FileNews, useFile } from "../ui/FileButton.tsx";
import { Loading } from "../ui/Loading.tsx";
import { Failed } from "../ui/problem.tsx";
import { Gone } from "./Gone.tsx";
import { currentLine } from "./lines.ts";

interface TranscriptViewProps {
  me: Me;
  call: CallRow;
  ms: number;
  onSeek: ((ms: number) => void) | null;
}

const WAITING_EVERY_MS = 3_000;

export function TranscriptView({ me, call, ms, onSeek }: TranscriptViewProps) {
  const { t } = useTranslation();
  const file = useFile();
  const allowed = may(me, "transcript.read");
  const path = `/calls/${id(call.id)}/transcript`;
  const query = useQuery({
    queryKey: ["transcript", call.id],
    queryFn: () => get<Transcript>(path),
    enabled: allowed && call.transcript !== null && !call.transcript.removal,
    refetchInterval: (state) => (state.state.data?.state === "waiting" ? WAITING_EVERY_MS : false),
  });
  if (!allowed) return null;
  if (!call.transcript) return <p className="none">{t("transcript.none")}</p>;
  if (call.transcript.removal) {
    return (
      <p className="none">
        {t("transcript.title")} · <Gone me={me} removal={call.transcript.removal} />
      </p>
    );
  }
  if (query.error) return <Failed error={query.error} onRetry={() => void query.refetch()} />;
  if (!query.data) return <Loading />;
  const found = query.data;
  if (found.state === "waiting") return <p className="none">{t("transcript.waiting")}</p>;
  if (found.state === "failed") {
    return <Alert type="warning" showIcon title={t("transcript.failed")} />;
  }
  const lines = found.lines.filter((line) => !line.hidden);
  const current = onSeek ? currentLine(lines, ms) : null;
  return (
    <div className="transcript">
      {found.test_model && (
        <Alert
          data-testid="test-model"
          type="warning"
          showIcon
          title={t("transcript.test_model")}
        />
      )}
      <div className="row">
        <h2 className="grow">{t("transcript.title")}</h2>
        {["txt", "json"].map((format) => (
          <FileButton
            key={format}
            file={file}
            path={`${path}/download?format=${format}`}
            name={`transcript-${call.id}.${format}`}
            how="save"
            type="link"
            size="small"
            testId={`transcript-${format}`}
          >
            {t("transcript.download", { format: format.toUpperCase() })}
          </FileButton>
        ))}
      </div>
      <FileNews file={file} />
      <ol>
        {lines.map((line) => (
          <Line
            key={line.no}
            callId={call.id}
            line={line}
            on={line.no === current}
            mayEdit={may(me, "transcript.edit")}
            onSeek={onSeek}
          />
        ))}
      </ol>
      {lines.length === 0 && <p className="none">{t("transcript.silent")}</p>}
      <p className="muted small">
        {t("transcript.note")}{" "}
        {found.model_name && <span className="mono">{found.model_name}</span>}
      </p>
    </div>
  );
}

interface LineProps {
  callId: string;
  line: TranscriptLine;
  on: boolean;
  mayEdit: boolean;
  onSeek: ((ms: number) => void) | null;
}

function Line({ callId, line, on, mayEdit, onSeek }: LineProps) {
  const { t } = useTranslation();
  const [editing, setEditing] = useState(false);
  const item = useRef<HTMLLIElement>(null);
  useEffect(() => {
    if (on && item.current) keepInView(item.current);
  }, [on]);
  return (
    <li
      ref={item}
      data-testid="transcript-line"
      data-speaker={line.speaker}
      className={`tl ${line.speaker} ${on ? "on" : ""}`}
      aria-current={on ? "true" : undefined}
    >
      <button
        type="button"
        className="seek"
        disabled={!onSeek}
        title={t("transcript.seek")}
        onClick={() => onSeek?.(line.from_ms)}
      >
        {clock(line.from_ms)}
      </button>
      <span className="s">{t(`speaker.${line.speaker}`)}</span>
      {editing ? (
        <Editor callId={callId} line={line} onDone={() => setEditing(false)} />
      ) : (
        <span className="words">
          {line.weak ? <mark title={t("transcript.weak")}>{line.text}</mark> : line.text}
          {line.original !== null && (
            <span className="original">
              {t("transcript.edited", {
                by: line.edited_by ?? "",
                at: dateTime(line.edited_at),
              })}{" "}
              <del>{line.original}</del>
            </span>
          )}
        </span>
      )}
      {mayEdit && !editing && line.speaker !== "system" && (
        <Button size="small" type="text" className="edit" onClick={() => setEditing(true)}>
          {t("transcript.edit")}
        </Button>
      )}
    </li>
  );
}

/** Moves the list, never the page: a judge may be reading something else on it. */
function keepInView(line: HTMLElement): void {
  const list = line.parentElement;
  if (!list) return;
  const above = line.getBoundingClientRect().top - list.getBoundingClientRect().top;
  const below = above + line.offsetHeight - list.clientHeight;
  if (above < 0) list.scrollTop += above;
  else if (below > 0) list.scrollTop += below;
}

function Editor(props: { callId: string; line: TranscriptLine; onDone: () => void }) {
  const { t } = useTranslation();
  const { callId, line, onDone } = props;
  const [text, setText] = useState(line.text);
  const queries = useQueryClient();
  const save = useMutation({
    mutationFn: () =>
      put<TranscriptLine>(`/calls/${id(callId)}/transcript/lines/${line.no}`, { text }),
    onSuccess: (saved) => {
      queries.setQueryData<Transcript>(
        ["transcript", callId],
        (before) =>
          before && {
            ...before,
            lines: before.lines.map((each) => (each.no === saved.no ? saved : each)),
          },
      );
      onDone();
    },
  });
  const same = text.trim() === "" || text === line.text;
  return (
    <span className="words">
      <Input.TextArea
        autoSize
        autoFocus
        maxLength={2000}
        aria-label={t("transcript.edit")}
        value={text}
        onChange={(event) => setText(event.target.value)}
      />
      {save.error && <Failed error={save.error} />}
      <span className="row">
        <Button
          size="small"
          type="primary"
          disabled={same}
          loading={save.isPending}
          onClick={() => save.mutate()}
        >
          {t("transcript.save")}
        </Button>
        <Button size="small" onClick={onDone}>
          {t("transcript.cancel")}
        </Button>
      </span>
    </span>
  );
}
