// Which areas a person sees. The server enforces the same codes; here they only keep a
// menu free of doors that would not open.

import { may } from "../lib/session.ts";
import type { Me } from "../lib/types.ts";

export interface Area {
  path: string;
  title: string;
  permission: string;
}

const AREAS: Area[] = [
  { path: "/desk", title: "area.desk", permission: "desk.work" },
  { path: "/overview", title: "area.overview", permission: "overview.read" },
  { path: "/cases", title: "area.cases", permission: "case.read" },
  { path: "/tasks", title: "area.tasks", permission: "task.read" },
  { path: "/inbound", title: "area.inbound", permission: "inbound.manage" },
  { path: "/orders", title: "area.orders", permission: "orders.read" },
  { path: "/users", title: "area.users", permission: "users.read" },
  { path: "/lines", title: "area.lines", permission: "telephony.manage" },
  { path: "/evidence", title: "area.evidence", permission: "evidence.read" },
  { path: "/health", title: "area.health", permission: "health.read" },
  { path: "/audit", title: "area.audit", permission: "audit.read" },
];

export function areasOf(me: Me): Area[] {
  const areas = AREAS.filter((area) => may(me, area.permission));
  // An agent works one order at a time; lists of other people's tasks are not their work.
  return me.user.role === "agent" ? areas.filter((area) => area.path === "/desk") : areas;
}

/** Where a person starts. */
export function homeOf(me: Me): string {
  return areasOf(me)[0]?.path ?? "/none";
}
