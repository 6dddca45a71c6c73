// Who is there, and which screen. Each area is loaded when it is first opened.

import { Button, Spin } from "antd";
import { lazy, type ReactNode, Suspense, useCallback, useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { onSessionLost, Problem } from "./lib/http.ts";
import { forgetKeys } from "./lib/keys.ts";
import { go, match, usePath } from "./lib/router.ts";
import { may, signOut, whoAmI } from "./lib/session.ts";
import type { Me } from "./lib/types.ts";
import { homeOf } from "./shell/areas.ts";
import { Login } from "./shell/Login.tsx";
import { Shell } from "./shell/Shell.tsx";
import { Boundary } from "./ui/Boundary.tsx";
import { Failed } from "./ui/problem.tsx";

const DESK = "/desk";
const desk = () => import("./desk/Desk.tsx");
const Desk = lazy(desk);
const Cases = lazy(() => import("./court/Cases.tsx"));
const Case = lazy(() => import("./court/Case.tsx"));
const Tasks = lazy(() => import("./court/Tasks.tsx"));
const Task = lazy(() => import("./court/Task.tsx"));
const Overview = lazy(() => import("./supervisor/Overview.tsx"));
const Orders = lazy(() => import("./supervisor/Orders.tsx"));
const Inbound = lazy(() => import("./supervisor/Inbound.tsx"));
const Users = lazy(() => import("./admin/Users.tsx"));
const Lines = lazy(() => import("./admin/lines/Lines.tsx"));
const Evidence = lazy(() => import("./admin/evidence/Evidence.tsx"));
const Certificate = lazy(() => import("./admin/evidence/Certificate.tsx"));
const Health = lazy(() => import("./admin/Health.tsx"));
const Audit = lazy(() => import("./admin/Audit.tsx"));

// A party may be waiting for this page: nothing that it needs is fetched one after another.
if (window.location.pathname === DESK) void desk().catch(() => undefined);

type Who =
  | { at: "asking" }
  | { at: "nobody" }
  | { at: "broken"; error: unknown }
  | { at: "in"; me: Me };

export function App({ onForget }: { onForget: () => void }) {
  const [who, setWho] = useState<Who>({ at: "asking" });

  const ask = useCallback(() => {
    setWho({ at: "asking" });
    whoAmI().then(
      (me) => setWho({ at: "in", me }),
      (error) =>
        setWho(
          error instanceof Problem && error.status === 401
            ? { at: "nobody" }
            : { at: "broken", error },
        ),
    );
  }, []);

  useEffect(() => {
    const off = onSessionLost(() => {
      void forgetKeys();
      setWho({ at: "nobody" });
    });
    ask();
    return off;
  }, [ask]);

  const leave = () => {
    onForget();
    signOut().then(
      () => {
        go("/", "replace");
        setWho({ at: "nobody" });
      },
      (error) => setWho({ at: "broken", error }),
    );
  };

  switch (who.at) {
    case "asking":
      return <Waiting />;
    case "broken":
      return (
        <main className="login">
          <Failed error={who.error} onRetry={ask} />
        </main>
      );
    case "nobody":
      return (
        <Login
          onSignedIn={(me) => {
            if (!screenAt(window.location.pathname, me)) go(homeOf(me), "replace");
            setWho({ at: "in", me });
          }}
        />
      );
    case "in":
      return <Areas me={who.me} onSignOut={leave} />;
  }
}

function Waiting() {
  const { t } = useTranslation();
  return (
    <div className="login" role="status" aria-label={t("page.loading")}>
      <Spin size="large" />
    </div>
  );
}

interface AreaProps {
  me: Me;
  onSignOut: () => void;
}

interface Screen {
  pattern: string;
  permission: string;
  show: (values: Record<string, string>, props: AreaProps) => ReactNode;
}

/** A screen inside the common frame; the desk brings its own. */
const framed = (content: (values: Record<string, string>, me: Me) => ReactNode) =>
  function show(values: Record<string, string>, props: AreaProps) {
    return (
      <Shell {...props}>
        <Boundary>
          <Suspense fallback={<Waiting />}>{content(values, props.me)}</Suspense>
        </Boundary>
      </Shell>
    );
  };

const SCREENS: Screen[] = [
  { pattern: DESK, permission: "desk.work", show: (_values, props) => <Desk {...props} /> },
  { pattern: "/cases", permission: "case.read", show: framed(() => <Cases />) },
  {
    pattern: "/cases/:id",
    permission: "case.read",
    show: framed(({ id = "" }, me) => <Case key={id} me={me} caseId={id} />),
  },
  { pattern: "/tasks", permission: "task.read", show: framed(() => <Tasks />) },
  {
    pattern: "/tasks/:id",
    permission: "task.read",
    show: framed(({ id = "" }, me) => <Task key={id} me={me} taskId={id} />),
  },
  {
    pattern: "/overview",
    permission: "overview.read",
    show: framed((_values, me) => <Overview me={me} />),
  },
  {
    pattern: "/inbound",
    permission: "inbound.manage",
    show: framed((_values, me) => <Inbound me={me} />),
  },
  { pattern: "/orders", permission: "orders.read", show: framed(() => <Orders />) },
  { pattern: "/users", permission: "users.read", show: framed(() => <Users />) },
  { pattern: "/lines", permission: "telephony.manage", show: framed(() => <Lines />) },
  {
    pattern: "/evidence",
    permission: "evidence.read",
    show: framed((_values, me) => <Evidence me={me} />),
  },
  {
    pattern: "/evidence/:tab",
    permission: "evidence.read",
    show: framed((_values, me) => <Evidence me={me} />),
  },
  {
    pattern: "/evidence/certificates/:id",
    permission: "retention.read",
    show: framed(({ id = "" }) => <Certificate key={id} certificateId={id} />),
  },
  { pattern: "/health", permission: "health.read", show: framed(() => <Health />) },
  { pattern: "/audit", permission: "audit.read", show: framed(() => <Audit />) },
];

function screenAt(path: string, me: Me) {
  for (const screen of SCREENS) {
    const values = match(screen.pattern, path);
    if (values && may(me, screen.permission)) return { screen, values };
  }
  return null;
}

function Areas({ me, onSignOut }: AreaProps) {
  const path = usePath();
  useEffect(() => {
    if (path === "/") go(homeOf(me), "replace");
  }, [path, me]);
  if (path === "/") return <Waiting />;
  const found = screenAt(path, me);
  if (found) {
    return (
      <Boundary>
        <Suspense fallback={<Waiting />}>
          {found.screen.show(found.values, { me, onSignOut })}
        </Suspense>
      </Boundary>
    );
  }
  return (
    <Shell me={me} onSignOut={onSignOut}>
      <NotHere me={me} />
    </Shell>
  );
}

function NotHere({ me }: { me: Me }) {
  const { t } = useTranslation();
  return (
    <div className="empty">
      <b>{t("page.not_here")}</b>
      <p className="muted">{t("page.not_here_why")}</p>
      <Button style={{ marginTop: 12 }} onClick={() => go(homeOf(me))}>
        {t("page.home")}
      </Button>
    </div>
  );
}
