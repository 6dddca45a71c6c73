// One call with its sound and its words side by side. The recording is verified before it
// is played; a missing or altered one is a red banner, never an endless wait.

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Alert, Button, Segmented } from "antd";
import { type MouseEvent, useEffect, useRef } from "react";
import { useTranslation } from "react-i18next";
import { useTwo, useWords } from "../i18n/index.ts";
import { fileUrl, get, id } from "../lib/http.ts";
import { may } from "../lib/session.ts";
import { clock, dateTime } from "../lib/time.ts";
import { useTold } from "../lib/told.ts";
import type { CallRow, Me, Peaks, RecordingVerdict } from "../lib/types.ts";
import { FileButton, FileNews, useFile } from "../ui/FileButton.tsx";
import { Loading } from "../ui/Loading.tsx";
import { Failed } from "../ui/problem.tsx";
import { Broken, brokenBy, Partly } from "./Broken.tsx";
import type { Channels } from "./channels.ts";
import { Gaps } from "./Gaps.tsx";
import { Gone } from "./Gone.tsx";
import { lasting, Marks } from "./Marks.tsx";
import { drawWave, readPeaks, type Wave } from "./peaks.ts";
import { Quality } from "./Quality.tsx";
import { TranscriptView } from "./TranscriptView.tsx";
import { type Player, SPEEDS, usePlayer } from "./usePlayer.ts";

export function Recording({ me, call }: { me: Me; call: CallRow }) {
  const { t } = useTranslation();
  const two = useTwo();
  const words = useWords();
  const mayPlay = may(me, "recording.play");
  const path = `/calls/${id(call.id)}/recording`;
  const verdict = useQuery({
    queryKey: ["recording", call.id],
    queryFn: () => get<RecordingVerdict>(path),
    enabled:
      mayPlay && call.recording !== null && !["live", "deleted"].includes(call.recording.state),
    staleTime: 60_000,
  });
  const queries = useQueryClient();
  // Whoever looks finds it: the mark stands by now, and the page says so without a reload.
  const broken =
    (verdict.data !== undefined && verdict.data.verdict !== "intact") ||
    brokenBy(verdict.error) !== null;
  useEffect(() => {
    if (broken) void queries.invalidateQueries({ queryKey: ["task"] });
  }, [broken, queries]);
  const head = [
    call.technical ? two(call.technical.zh, call.technical.en) : t("call.live"),
    dateTime(call.at),
    words("said", call.phone_masked),
    call.agent,
  ];
  return (
    <section className="card player" aria-label={t("call.recording")}>
      <div className="row">
        <h2 className="grow">
          {t("call.recording")} · {head.filter(Boolean).join(" · ")}
        </h2>
        {verdict.data?.verdict === "intact" && (
          <span className="tag green">{t("recording.intact")}</span>
        )}
      </div>
      <Quality quality={call.quality} />
      <Body me={me} call={call} verdict={verdict} />
    </section>
  );
}

function Body(props: {
  me: Me;
  call: CallRow;
  verdict: { data?: RecordingVerdict; error: unknown; refetch: () => unknown };
}) {
  const { t } = useTranslation();
  const told = useTold();
  const { me, call, verdict } = props;
  if (!call.recording) {
    return <p className="none">{t(call.unsealed ? "recording.unsealed" : "recording.none")}</p>;
  }
  if (!may(me, "recording.play")) return <p className="none">{t("recording.not_yours")}</p>;
  if (call.recording.state === "deleted") {
    return (
      <>
        <p className="none">
          {call.recording.removal && (
            <>
              <Gone me={me} removal={call.recording.removal} />
              <br />
            </>
          )}
          {t("recording.deleted")}
        </p>
        <Hashes sha256={call.recording.sha256} sm3={call.recording.sm3} />
        {call.transcript && <TranscriptView me={me} call={call} ms={0} onSeek={null} />}
      </>
    );
  }
  if (call.recording.state === "live") return <p className="none">{t("recording.live")}</p>;
  const { error, data } = verdict;
  if (error) {
    const broken = brokenBy(error);
    return broken ? (
      <Broken verdict={broken} />
    ) : (
      <Failed error={error} onRetry={() => void verdict.refetch()} />
    );
  }
  if (!data) return <Loading />;
  if (data.verdict !== "intact") {
    return (
      <>
        <Broken verdict={data.verdict} detail={told(data.said)} />
        <Hashes sha256={data.sha256} sm3={data.sm3} />
        <Marks call={call} onSeek={null} />
        {call.transcript && <TranscriptView me={me} call={call} ms={0} onSeek={null} />}
      </>
    );
  }
  return <Sound me={me} call={call} verdict={data} onFailed={verdict.refetch} />;
}

function Hashes({ sha256, sm3 }: { sha256: string | null; sm3: string | null }) {
  return (
    <p className="mono">
      {sm3 && `SM3 ${sm3}`}
      <br />
      {sha256 && `SHA-256 ${sha256}`}
    </p>
  );
}

function Sound(props: {
  me: Me;
  call: CallRow;
  verdict: RecordingVerdict;
  /** The file may have gone since it was verified: it is looked at again. */
  onFailed: () => unknown;
}) {
  const { me, call, verdict, onFailed } = props;
  const { t } = useTranslation();
  const player = usePlayer();
  const path = `/calls/${id(call.id)}/recording`;
  const peaks = useQuery({
    queryKey: ["peaks", call.id],
    queryFn: async () => readPeaks(await get<Peaks>(`${path}/peaks`)),
    staleTime: Number.POSITIVE_INFINITY,
  });
  const { failed } = player;
  const lookAgain = useRef(onFailed);
  lookAgain.current = onFailed;
  const file = useFile(() => lookAgain.current());
  useEffect(() => {
    if (failed) lookAgain.current();
  }, [failed]);
  return (
    <>
      {/* biome-ignore lint/a11y/useMediaCaption: the transcript stands below it and follows the sound */}
      <audio ref={player.audio} preload="none" src={fileUrl(`${path}/audio`)} />
      <div className="row controls">
        <Button type="primary" data-testid="play" onClick={player.toggle}>
          {player.playing ? `❚❚ ${t("player.pause")}` : `▶ ${t("player.play")}`}
        </Button>
        <span data-testid="position">
          {clock(player.ms)} / {clock(verdict.duration_ms)}
        </span>
        <Segmented
          size="small"
          aria-label={t("player.speed")}
          value={player.speed}
          onChange={player.setSpeed}
          options={SPEEDS.map((value) => ({ value, label: `${value}×` }))}
        />
        <Segmented
          size="small"
          aria-label={t("player.channels")}
          value={player.channels}
          onChange={(value) => player.setChannels(value as Channels)}
          options={[
            { value: "both", label: t("player.both") },
            { value: "left", label: t("speaker.agent") },
            { value: "right", label: t("speaker.party") },
          ]}
        />
        <span className="grow" />
        {may(me, "recording.download") && (
          <FileButton
            file={file}
            path={`${path}/download`}
            name={`recording-${call.id}.wav`}
            how="save"
            testId="recording-download"
          >
            {t("recording.download")}
          </FileButton>
        )}
      </div>
      <FileNews file={file} />
      <Partly state={verdict.state} />
      {failed && (
        <Alert data-testid="error-player.failed" type="error" showIcon title={t("player.failed")} />
      )}
      <WaveForm
        wave={peaks.data ?? null}
        failed={peaks.isError}
        durationMs={verdict.duration_ms}
        answerMs={verdict.answer_offset_ms}
        gaps={verdict.gaps}
        marks={lasting(call.marks)}
        player={player}
      />
      <Gaps gaps={verdict.gaps} known={verdict.gaps_known} onSeek={player.playFrom} />
      <Marks call={call} onSeek={player.playFrom} />
      <TranscriptView me={me} call={call} ms={player.ms} onSeek={player.playFrom} />
      <Hashes sha256={verdict.sha256} sm3={verdict.sm3} />
    </>
  );
}

function WaveForm(props: {
  wave: Wave | null;
  failed: boolean;
  durationMs: number;
  answerMs: number | null;
  gaps: RecordingVerdict["gaps"];
  marks: CallRow["marks"];
  player: Player;
}) {
  const { t } = useTranslation();
  const { wave, durationMs, answerMs, player } = props;
  const canvas = useRef<HTMLCanvasElement>(null);
  const share = (ms: number) => `${durationMs > 0 ? Math.min(100, (ms / durationMs) * 100) : 0}%`;

  useEffect(() => {
    const element = canvas.current;
    if (!element || !wave) return;
    const draw = () => drawWave(element, wave);
    draw();
    const watch = new ResizeObserver(draw);
    watch.observe(element);
    return () => watch.disconnect();
  }, [wave]);

  const click = (event: MouseEvent<HTMLButtonElement>) => {
    // A key press on the button has no place: it plays and pauses.
    if (event.detail === 0) {
      player.toggle();
      return;
    }
    const box = event.currentTarget.getBoundingClientRect();
    player.seek(((event.clientX - box.left) / box.width) * durationMs);
  };

  if (props.failed) return <p className="none">{t("player.no_wave")}</p>;
  return (
    <div className="waves">
      <span className="channel top">{t("speaker.agent")}</span>
      <span className="channel bottom">{t("speaker.party")}</span>
      <button type="button" className="wave" aria-label={t("player.wave")} onClick={click}>
        <canvas ref={canvas} />
        {props.gaps.map((gap) => (
          <span
            key={`${gap.channel} ${gap.from_ms} ${gap.kind}`}
            className={`gap ${gap.channel} ${gap.kind}`}
            title={t(`recording.gap.${gap.kind}`)}
            style={{ left: share(gap.from_ms), width: share(gap.to_ms - gap.from_ms) }}
          />
        ))}
        {props.marks.map((mark) => (
          <span
            key={`${mark.kind} ${mark.from_ms}`}
            className={`mark ${mark.kind}`}
            style={{ left: share(mark.from_ms), width: share(mark.to_ms - mark.from_ms) }}
          />
        ))}
        {answerMs !== null && <span className="answer" style={{ left: share(answerMs) }} />}
        <span className="head" style={{ left: share(player.ms) }} />
      </button>
    </div>
  );
}
