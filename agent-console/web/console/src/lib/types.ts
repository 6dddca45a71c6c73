// What the server says, word for word: the shapes of the HTTP and WebSocket contract.
// Names stay as they stand on the wire, so that a field is found by one search.

export type Role = "agent" | "supervisor" | "judge" | "clerk" | "admin" | "auditor";

export interface Me {
  user: { id: string; name: string; staff_no: string; role: Role };
  court: { id: string; name: string; code: string };
  permissions: string[];
  demo: boolean;
}

export interface SessionKey {
  kid: string;
  session_tag: string;
  expires_at: string;
}

export interface Technical {
  code: string;
  zh: string;
  en: string;
}

export interface Contact {
  code: string;
  zh: string;
  en: string;
  key: number | null;
}

export interface Business {
  code: string;
  zh: string;
  en: string;
  key: number | null;
  next_zh: string;
  next_en: string;
  /** Contacts with whom this may be agreed; empty means any. */
  contacts: string[];
  /** Needs the tag 已清楚、完整听取. */
  heard_all: boolean;
}

export interface OutcomeTable {
  version: string | number;
  /** Talk without which 已清楚、完整听取 cannot be said. */
  minimum_talk_ms: number;
  technical: Technical[];
  contacts: Contact[];
  businesses: Business[];
}

export interface SavedOutcome {
  attempt_no: number | null;
  task_phase: string;
  next_zh: string;
  next_en: string;
}

export interface Gap {
  path: string;
  text: string;
}

export interface CaseRow {
  id: string;
  number: string;
  cause: string;
  kind: string;
  dept: string;
  judge_name: string;
  hearing_at: string | null;
  parties: number;
  tasks: { total: number; done: number };
  last_event_at: string | null;
}

export interface CaseDetail extends Omit<CaseRow, "tasks"> {
  procedure: string;
  hearing_room: string;
  evidence_until: string | null;
  orders: CaseOrder[];
  tasks: TaskRow[] | CaseRow["tasks"];
  /** Where `tasks` stays the count of the row, the list has this name. */
  tasks_list?: TaskRow[];
}

export interface CaseOrder {
  id: string;
  order_no: string;
  revision: number;
  state: string;
  link: string;
  order_kind: string;
  finish_by: string | null;
  gaps: Gap[];
  created_at: string;
}

export interface TaskRow {
  id: string;
  number: string;
  case_id: string;
  case_number: string;
  recipient: string;
  position: string;
  phase: string;
  result: string | null;
  next_step: string | null;
  priority: number | string;
  attempts: number;
  deadline: string | null;
  last_event_at: string | null;
}

export interface Page<T> {
  items: T[];
  next_cursor: string | null;
}

export interface TaskNode {
  key: "pushed" | "received" | "calling" | "served" | "returned";
  at: string | null;
  state: "done" | "now" | "todo";
}

export interface Phone {
  phone_id: string;
  masked: string;
  source: string;
  label: string;
  state: string;
  last_result: string | null;
}

export interface TaskDocument {
  id: string;
  name: string;
  class: string;
  pages: number | null;
  copies: number | null;
  sha256: string | null;
  sm3: string | null;
  state: string;
}

export type RecordingState = "live" | "closed" | "recovered" | "missing" | "altered";

export interface CallRow {
  id: string;
  at: string;
  answered_at: string | null;
  ended_at: string | null;
  phone_masked: string;
  phone_source: string;
  caller: string;
  agent: string;
  technical: Technical | null;
  is_attempt: boolean;
  talk_ms: number | null;
  ended_by: string | null;
  answer_offset_ms: number | null;
  recording: null | {
    state: RecordingState;
    duration_ms: number;
    bytes: number;
    sha256: string | null;
    sm3: string | null;
    gaps: number;
  };
  transcript: null | { state: "waiting" | "ready" | "failed"; test_model: boolean };
  outcome: null | { contact: string; business: string; heard_all: boolean };
}

export interface Attempt {
  no: number;
  call_id: string | null;
  at: string;
  technical: string;
  contact: string;
  business: string;
  heard_all: boolean;
  agent: string;
  note: string;
}

export interface Report {
  id: string;
  kind: string;
  version: number;
  state: string;
  sha256: string;
  sm3: string;
  pages: number;
  created_at: string;
  transcript_state: string;
  template: string;
  template_version: string;
  delivered: { state: "waiting" | "done" | "dead"; at: string | null } | null;
}

export interface TaskEvent {
  seq: number;
  at: string;
  actor: string;
  kind: string;
  text_zh: string;
  text_en: string;
  call_id?: string | null;
  report_id?: string | null;
}

export interface TaskDetail extends Omit<TaskRow, "attempts"> {
  case: {
    id: string;
    number: string;
    cause: string;
    kind: string;
    procedure: string;
    dept: string;
    judge_name: string;
    clerk: string;
    hearing_at: string | null;
    hearing_room: string;
  };
  order: {
    order_no: string;
    revision: number;
    link: string;
    order_kind: string;
    finish_by: string | null;
    urgency: string;
  };
  recipient_kind: string;
  id_masked: string | null;
  id_state: string | null;
  result_rule: string | null;
  result_at: string | null;
  nodes: TaskNode[];
  phones: Phone[];
  documents: TaskDocument[];
  calls: CallRow[];
  attempts: Attempt[];
  reports: Report[];
  events: TaskEvent[];
}

export interface RecordingVerdict {
  state: RecordingState;
  verdict: "intact" | "missing" | "altered";
  detail: string | null;
  duration_ms: number;
  bytes: number;
  sha256: string | null;
  sm3: string | null;
  answer_offset_ms: number | null;
  gaps: { channel: "left" | "right"; from_ms: number; to_ms: number }[];
}

export interface Peaks {
  per_second: number;
  left: string;
  right: string;
}

export interface TranscriptLine {
  no: number;
  speaker: "system" | "agent" | "party";
  from_ms: number;
  to_ms: number;
  text: string;
  original: string | null;
  weak: boolean;
  hidden: boolean;
  edited_by: string | null;
  edited_at: string | null;
}

export interface Transcript {
  state: "waiting" | "ready" | "failed";
  test_model: boolean;
  model_name: string | null;
  model_sha256: string | null;
  lines: TranscriptLine[];
}

export interface Alarm {
  id: string;
  kind: string;
  object_id: string | null;
  text: string;
  raised_at: string;
  last_at: string;
  times: number;
}

export interface Overview {
  queue: { ready: number; later: number; calling: number; to_fix: number };
  agents: { name: string; staff_no: string; state: AgentState; since_at: string }[];
  alarms: Alarm[];
}

export interface OrderToFix {
  id: string;
  order_no: string;
  source: string;
  revision: number;
  state: string;
  case_number: string | null;
  gaps: Gap[];
  created_at: string;
}

export interface UserRow {
  id: string;
  login: string;
  name: string;
  staff_no: string;
  role: Role;
  disabled: boolean;
}

export interface AuditRow {
  seq: number;
  at: string;
  actor: string;
  role: string;
  action: string;
  object_kind: string;
  object_id: string;
  ip: string | null;
  result: string;
  detail: unknown;
}

export interface Health {
  status: "ok" | "degraded";
  checks: { name: string; status: string; detail?: string | null }[];
}

export type AgentState = "offline" | "ready" | "reserved" | "calling" | "wrap_up" | "paused";

export type CallPhase =
  | "preparing"
  | "dialling"
  | "ringing"
  | "early"
  | "notice"
  | "talking"
  | "ended";

export interface CallEnd {
  by: "agent" | "party" | "system";
  technical: Technical;
  is_attempt: boolean;
  talk_ms: number;
  recorded: boolean;
}

export interface CallState {
  call_id: string;
  work_order: string;
  phone_id: string;
  phone_masked: string;
  phase: CallPhase;
  created_at: string;
  answered_at: string | null;
  talk_from_at: string | null;
  muted: boolean;
  recording: boolean;
  end: CallEnd | null;
  outcome_saved: boolean;
}

export interface Envelope {
  v: number;
  suite: string;
  kid: string;
  enc: string;
  ct: string;
  aad: string;
}

export interface WorkOrderPhone {
  phone_id: string;
  masked: string;
  source: string;
  label: string;
  state: string;
  last_result: string | null;
  dialable: boolean;
  why_not: string;
}

export interface WorkOrder {
  v: number;
  work_order: string;
  task_id: string;
  task_number: string;
  order_no: string;
  link: string;
  order_kind: string;
  finish_by: string | null;
  urgency: string;
  court: { name: string };
  agent: { name: string; staff_no: string };
  case: {
    number: string;
    cause: string;
    kind: string;
    procedure: string;
    dept: string;
    judge_name: string;
    hearing_at: string | null;
    hearing_room: string;
    evidence_until: string | null;
  };
  recipient: {
    name: string;
    position: string;
    kind: string;
    id_masked: string | null;
    language: string | null;
  };
  others: { position: string; name: string }[];
  phones: WorkOrderPhone[];
  documents: { name: string; class: string; pages: number | null; copies: number | null }[];
  history: { at: string; text_zh: string; text_en: string }[];
  script: { id: string; title_zh: string; title_en: string; text_zh: string; must: boolean }[];
  attempts: number;
}
