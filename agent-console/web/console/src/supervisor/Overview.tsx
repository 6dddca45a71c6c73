// How the floor stands now: four numbers, who does what for how long, what is wrong.

import { useQuery } from "@tanstack/react-query";
import { Button } from "antd";
import { useCallback, useRef } from "react";
import { useTranslation } from "react-i18next";
import { useWords } from "../i18n/index.ts";
import { get } from "../lib/http.ts";
import { may } from "../lib/session.ts";
import { clock, dateTime } from "../lib/time.ts";
import { useTold } from "../lib/told.ts";
import type { Alarm, Overview as Floor, Me } from "../lib/types.ts";
import { Loading } from "../ui/Loading.tsx";
import { Failed } from "../ui/problem.tsx";
import { Signals } from "../ui/Signal.tsx";
import { useNow } from "../ui/useNow.ts";
import { SuperviseBar, WATCHINGS } from "./SuperviseBar.tsx";
import { SupervisionSettings } from "./SupervisionSettings.tsx";
import { type Supervise, useSupervise, useSuperviseKeys } from "./useSupervise.ts";
import { WrapUpSettings } from "./WrapUpSettings.tsx";
import "./overview.css";

const EVERY_MS = 2_000;
const TILES = ["ready", "later", "calling", "to_fix"] as const;

export default function Overview({ me }: { me: Me }) {
  const { t } = useTranslation();
  const audio = useRef<HTMLAudioElement>(null);
  const supervise = useSupervise(
    me,
    useCallback(() => audio.current, []),
  );
  useSuperviseKeys(supervise);
  const query = useQuery({
    queryKey: ["overview"],
    queryFn: () => get<Floor>("/overview"),
    refetchInterval: EVERY_MS,
  });
  const alarms = useQuery({
    queryKey: ["alarms"],
    queryFn: () => get<{ items: Alarm[] }>("/alarms"),
    enabled: may(me, "alarms.read"),
    refetchInterval: 5 * EVERY_MS,
  });
  if (query.error && !query.data) {
    return (
      <div className="page">
        <Failed error={query.error} onRetry={() => void query.refetch()} />
      </div>
    );
  }
  if (!query.data) return <Loading />;
  const { queue } = query.data;
  const open = alarms.data?.items ?? (Array.isArray(query.data.alarms) ? query.data.alarms : []);
  const total = Math.max(1, queue.ready + queue.later + queue.calling);
  return (
    <div className="page">
      <div className="head">
        <h1>{t("area.overview")}</h1>
        {query.error && <span className="tag red">{t("overview.stale")}</span>}
      </div>
      {/* biome-ignore lint/a11y/useMediaCaption: a live telephone line has no captions */}
      <audio ref={audio} autoPlay />
      <SuperviseBar supervise={supervise} agents={query.data.agents ?? []} />
      <div className="tiles">
        {TILES.map((name) => (
          <div key={name} className="card tile">
            <span className="muted">{t(`queue.${name}`)}</span>
            <b>{queue[name]}</b>
            {name !== "to_fix" && (
              <span className="share">
                <i style={{ width: `${(queue[name] / total) * 100}%` }} />
              </span>
            )}
          </div>
        ))}
      </div>
      <div className="floor">
        <Agents
          agents={query.data.agents ?? []}
          ahead={Date.parse(query.data.at) - query.dataUpdatedAt}
          supervise={may(me, "call.supervise") ? supervise : null}
        />
        <div className="stacked">
          <Alarms alarms={open} />
          {may(me, "settings.manage") && <WrapUpSettings />}
          {may(me, "settings.manage") && <SupervisionSettings />}
        </div>
      </div>
    </div>
  );
}

const COLOURS: Record<string, string> = {
  ready: "green",
  reserved: "blue",
  calling: "green",
  wrap_up: "amber",
  paused: "amber",
  offline: "",
};

interface AgentsProps {
  agents: Floor["agents"];
  /** The server's clock before this page's, milliseconds: its times are the server's. */
  ahead: number;
  supervise: Supervise | null;
}

/** From when an agent's time runs: that of his call where he has one, as on his own page. */
export function runsFrom(agent: Pick<Floor["agents"][number], "since_at" | "call">): number {
  return Date.parse(agent.call?.since_at ?? agent.since_at);
}

function Agents({ agents, ahead, supervise }: AgentsProps) {
  const { t } = useTranslation();
  const now = useNow() + ahead;
  const longest = Math.max(1, ...agents.map((agent) => now - runsFrom(agent)));
  return (
    <section className="card">
      <h2 className="inset">{t("overview.agents", { n: agents.length })}</h2>
      {agents.map((agent) => {
        const ms = now - runsFrom(agent);
        return (
          <div key={agent.staff_no} className="file">
            <span className="who clip" title={agent.name}>
              <b>{agent.name}</b>{" "}
              <span className="muted small">{t("shell.staff_no", { no: agent.staff_no })}</span>
            </span>
            <span className={`tag ${COLOURS[agent.state] ?? ""}`}>{t(`agent.${agent.state}`)}</span>
            <Watch agent={agent} supervise={supervise} />
            {agent.away_until_at && <span className="tag red">{t("overview.away")}</span>}
            <Signals quality={agent.quality} />
            {agent.due_at && (
              <span className={`tag ${agent.overrun ? "red" : ""}`} data-testid="due">
                {t(agent.overrun ? "overview.overrun" : "overview.due", {
                  time: clock(Math.abs(now - Date.parse(agent.due_at))),
                })}
              </span>
            )}
            {agent.owed > 0 && (
              <span className="tag amber">{t("overview.owed", { n: agent.owed })}</span>
            )}
            <span className="share grow">
              <i style={{ width: `${(Math.max(0, ms) / longest) * 100}%` }} />
            </span>
            <span className="for">{clock(ms)}</span>
          </div>
        );
      })}
      {agents.length === 0 && <p className="none">{t("overview.no_agents")}</p>}
    </section>
  );
}

/** A live call of an agent: who is in it, or the three ways in. */
function Watch({
  agent,
  supervise,
}: {
  agent: Floor["agents"][number];
  supervise: Supervise | null;
}) {
  const { t } = useTranslation();
  const { call } = agent;
  if (!call || !supervise) return null;
  const mine = supervise.place?.call_id === call.call_id;
  if (call.supervisor && !mine) {
    return (
      <span className="tag blue">
        {t("supervise.by", { name: call.supervisor, what: t(`supervise.${call.supervision}`) })}
      </span>
    );
  }
  if (mine) return <span className="tag blue">{t("supervise.you")}</span>;
  return (
    <span className="watch">
      {WATCHINGS.map((what) => (
        <Button
          key={what}
          size="small"
          data-testid={`${what}-${agent.staff_no}`}
          disabled={!call.answered}
          title={t(call.answered ? `supervise.${what}_why` : "supervise.not_answered")}
          onClick={() => supervise.go(call.call_id, agent.name, what)}
        >
          {t(`supervise.${what}`)}
        </Button>
      ))}
    </span>
  );
}

function Alarms({ alarms }: { alarms: Alarm[] }) {
  const { t } = useTranslation();
  const told = useTold();
  const words = useWords();
  return (
    <section className="card">
      <h2 className="inset">{t("overview.alarms")}</h2>
      {alarms.map((alarm) => (
        <div key={alarm.id} className="file" data-testid="alarm">
          <div className="grow">
            <b className="wrong">{words("alarm", alarm.kind)}</b>{" "}
            {alarm.times > 1 && <span className="tag red">×{alarm.times}</span>}
            <div>{told(alarm.said)}</div>
            <div className="muted small">
              {t("overview.since", {
                at: dateTime(alarm.raised_at),
                last: dateTime(alarm.last_at),
              })}
            </div>
          </div>
        </div>
      ))}
      {alarms.length === 0 && <p className="none">{t("overview.no_alarms")}</p>}
    </section>
  );
}
