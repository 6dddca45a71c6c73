// What the server says. Whatever comes over HTTP is taken from the committed interface
// description (`schema.ts`, made by `npm run gen`); only words that the description leaves
// open are narrowed here. The frames of the agent's line are not in it and stand below by
// hand: `docs/architecture.md` lists them.

import type { components } from "./schema.ts";

/** The server sends each field of an answer: one without a value is `null`, never left out. */
type Sent<T> = T extends (infer Item)[]
  ? Sent<Item>[]
  : T extends object
    ? { [Name in keyof T]-?: Sent<Exclude<T[Name], undefined>> }
    : T;
type Schema<Name extends keyof components["schemas"]> = Sent<components["schemas"][Name]>;
/** A shape of the description, some of whose words are known more closely. */
type With<Name extends keyof components["schemas"], Known> = Omit<Schema<Name>, keyof Known> &
  Known;

export type Role = "agent" | "supervisor" | "judge" | "clerk" | "admin" | "auditor";
export type Me = With<"Me", { user: With<"MeUser", { role: Role }> }>;
export type SessionKey = Schema<"SessionKey">;

export type Technical = Schema<"Words">;
export type Contact = Schema<"Contact">;
export type FieldKind =
  | "mobile"
  | "phone"
  | "email"
  | "address"
  | "date"
  | "datetime"
  | "text"
  | "choice";
/** What an outcome asks for besides its code. */
export type OutcomeField = With<"OutcomeField", { kind: FieldKind }>;
export type Business = With<"Business", { fields: OutcomeField[] }>;
export type OutcomeTable = With<"OutcomeTable", { businesses: Business[] }>;
export type SavedOutcome = Schema<"SavedOutcome">;

export type CaseRow = Schema<"CaseRow">;
export type CaseDetail = Schema<"CaseDetail">;
export type OrderRow = Schema<"OrderRow">;
export type TaskRow = Schema<"TaskRow">;

/** One page of a list; a list that is always whole has no cursor. */
export interface Page<T> {
  items: T[];
  next_cursor?: string | number | null;
}

export type TaskNode = With<
  "Node",
  {
    key: "pushed" | "received" | "calling" | "served" | "returned";
    state: "done" | "now" | "todo";
  }
>;
export type Phone = Schema<"Phone">;
/** How a file went that is there no more. */
export type Removal = With<"RemovalView", { ground: "period" | "contract_end" }>;
export type TaskDocument = With<"Document", { removal: Removal | null }>;

export type RecordingState =
  | "live"
  | "closed"
  | "recovered"
  | "incomplete"
  | "missing"
  | "altered"
  | "deleted";
export type TranscriptState = "waiting" | "ready" | "failed";
export type CallRow = With<
  "CallRow",
  {
    recording: With<"RecordingBrief", { state: RecordingState; removal: Removal | null }> | null;
    transcript: With<"TranscriptBrief", { state: TranscriptState; removal: Removal | null }> | null;
  }
>;
export type Attempt = Schema<"Attempt">;
export type Report = With<
  "ReportRow",
  {
    delivered: With<"Delivered", { state: "waiting" | "done" | "dead" }> | null;
    removal: Removal | null;
  }
>;
export type TaskEvent = Schema<"TaskEvent">;
export type TaskDetail = With<
  "TaskDetail",
  { nodes: TaskNode[]; calls: CallRow[]; reports: Report[]; documents: TaskDocument[] }
>;

export type RecordingVerdict = With<
  "Recording",
  {
    state: RecordingState;
    verdict: "intact" | "missing" | "altered";
    gaps: With<"GapRow", { channel: "left" | "right" }>[];
  }
>;
export type Peaks = Schema<"Peaks">;
export type TranscriptLine = With<"TranscriptLine", { speaker: "system" | "agent" | "party" }>;
export type Transcript = With<"Transcript", { state: TranscriptState; lines: TranscriptLine[] }>;

export type InboundCall = With<
  "InboundCall",
  {
    state: "open" | "linked" | "dismissed";
    transcript: TranscriptState | null;
    recording: RecordingState | "unsealed" | null;
  }
>;
export type InboundTranscript = Schema<"InboundTranscript">;
/** When the court takes calls. */
export type InboundSettings = Schema<"InboundSettings">;

export type Alarm = Schema<"AlarmRow">;
export type Overview = With<"Overview", { agents: With<"AgentRow", { state: AgentState }>[] }>;
export type UserRow = With<"UserRow", { role: Role }>;
export type AuditRow = Schema<"AuditRow">;
/** What the server says: a code with its values, and the sentence in English. */
export type Said = With<"Said", { values: unknown }>;
export type Health = Schema<"Health">;

/** How well both ends of a live call were heard in the last five seconds. */
export type CallQuality = Schema<"CallQuality">;
export type LegQuality = Schema<"LegQuality">;

/** To whom a call may be handed. */
export type TransferTargets = Schema<"TransferTargets">;

export type AgentState = "offline" | "ready" | "reserved" | "calling" | "wrap_up" | "paused";

export type CallPhase =
  | "preparing"
  | "dialling"
  | "answering"
  | "joining"
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

/** A call that came in and rings at this desk. */
export interface IncomingCall {
  call_id: string;
  phone_masked: string;
  /** The number is in an open task, whose work order is in the envelope. */
  known: boolean;
  until_at: string;
  envelope: Envelope | null;
}

/** A call that is being handed to a colleague or to a desk phone. */
export interface HandOver {
  mode: "blind" | "attended" | "three_way";
  kind: "seat" | "phone";
  to_name: string;
  /** `joined`: all three talk. `done`: the party is over there, and the server writes it down. */
  phase: "ringing" | "consulting" | "joined" | "done";
  until_at: string;
}

/** A colleague's call that rings or is talked over at this desk. */
export interface HandedCall {
  call_id: string;
  phone_masked: string;
  from_name: string;
  mode: "blind" | "attended" | "three_way";
  phase: "ringing" | "joining" | "consulting" | "joined";
  /** It is a call of a task, whose work order is in the envelope. */
  known: boolean;
  until_at: string;
  envelope: Envelope | null;
  /** A supervisor who is heard here, or whom the court lets agents see. */
  supervision?: CallState["supervision"];
}

export interface CallState {
  call_id: string;
  direction?: "in" | "out";
  /** False: a caller whom we do not know, and no case. */
  known?: boolean;
  /** The task of such a caller, where it takes no call any more: his channel is agreed, say. */
  standing?: { task_number: string; phase: string; next_step: string } | null;
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
  /** On hold by the agent: the party hears music. */
  held: boolean;
  /** Until when the agent must be back, while his sound is gone. */
  away_until_at: string | null;
  /** Live, and this line has no sound of it yet. */
  resumable: boolean;
  recording_started_at: string | null;
  party: "heard" | "silent" | "mute";
  /** What is spoken to the party before the end. */
  parting:
    | "apology"
    | "farewell"
    | "recording_failed"
    | "closed"
    | "nobody"
    | "message_kept"
    | null;
  ticks: Tick[];
  /** Keys that the party pressed. */
  digits_in: string;
  wrap_up: WrapUp | null;
  /** Why the agent ended it politely, or empty. */
  end_reason: string;
  /** What the server keeps of the form; a polite end fills some of it in. */
  draft: Draft | null;
  transfer?: HandOver | null;
  /** A supervisor who is heard, or whom the court lets agents see. */
  supervision?: { what: "listen" | "whisper" | "barge"; by_name: string } | null;
  /** How well both ends were heard in the last five seconds; none before anything came. */
  quality?: CallQuality | null;
  /** What the line seems to say. */
  heard?: LineHeard | null;
}

/** What the line seems to say of the number, or of who answered. */
export interface LineHeard {
  /** `switched_off`, `machine`, `busy` … */
  class: string;
  /** Per cent. */
  confidence: number;
  place: "early" | "answered";
  /** The span of the recording that shows it. */
  from_ms: number;
  to_ms: number;
  /** The words, digits masked. */
  text: string | null;
  test_model: boolean;
  state: "suggested" | "confirmed" | "rejected";
  /** Confirmed, and the cause of the signalling says something else. */
  conflict: boolean;
  /** The technical code that it means, if it means one. */
  code: { code: string; zh: string; en: string } | null;
}

/** What is filled in and not saved yet, as it comes back: numbers by their masks. */
export interface Draft {
  contact: string;
  business: string;
  heard_all: boolean;
  note: string;
  fields: Record<string, string | { kept: true; masked: string }>;
}

/** A step of the script that was said, with its place in the recording. */
export interface Tick {
  step: string;
  at: string;
  offset_ms: number | null;
}

export type WrapUpPolicy = "optional" | "discretionary" | "time_boxed" | "time_boxed_no_early_exit";

export interface WrapUp {
  policy: WrapUpPolicy;
  until_at: string | null;
  extended: boolean;
}

/** How the court works at the desk. */
export type CourtSettings = With<
  "DeskSettings",
  { wrap_up: With<"WrapUpSetting", { policy: WrapUpPolicy }> }
>;

export interface DeskSettings {
  wrap_up: { policy: WrapUpPolicy; seconds: number };
  /** Languages in which the notice can be played. */
  languages: string[];
}

/** 待补录: a call of this agent whose outcome waits. */
export interface OwedCall {
  call_id: string;
  task_number: string;
  case_number: string;
  recipient: string;
  phone_masked: string;
  ended_at: string;
  technical: Technical;
  talk_ms: number;
  end_reason: string;
  ticks: Tick[];
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
  /** How the task stands: of who calls by himself it may be past its calls. */
  phase?: string;
  next_step?: string;
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
  /** A call that was cut off in the consent, and what was said in it. */
  resumed_from: { call_id: string; ticks: Tick[] } | null;
  attempts: number;
}

export type TrunkForm = Schema<"TrunkForm">;
export type TrunkRow = Schema<"TrunkView">;
export type NumberForm = Schema<"NumberForm">;
export type NumberRow = Schema<"NumberView">;
export type Phones = Schema<"Phones">;
export type PhoneRow = Schema<"PhoneView">;
export type PhoneNew = Schema<"PhoneNew">;
export type PhoneSecret = Schema<"PhoneSecret">;
export type PhoneWay = Schema<"PhoneWay">;
export type TelephonyChange = Schema<"ChangeView">;
export type CallLadder = Schema<"CallLadder">;
export type LadderWay = Schema<"LadderWay">;
export type CauseRule = Schema<"CauseRuleShape">;
export type CauseTables = Schema<"CauseTables">;

export type NotaryState = With<
  "NotaryView",
  { state: "kept" | "waiting" | "refused" | "broken" | "unchecked" | "off" }
>;
export type RootRow = With<
  "RootView",
  { state: "intact" | "broken" | "unchecked"; notary: NotaryState }
>;
export type Doubt = Schema<"DoubtView">;
export type HoldRow = Schema<"HoldView">;
export type RetentionRequest = Schema<"RetentionRequest">;
export type RetentionRequestDetail = Schema<"RetentionRequestDetail">;
export type RetentionPolicy = Schema<"PolicyView">;
export type Retention = With<"Retention", { requests: RetentionRequest[] }>;
export type RetentionItem = Schema<"RetentionItem">;
/** What stands under a class or a reason: the description knows only that it is an amount. */
type Amounts = Record<string, { files: number; bytes: number }>;
export type RetentionPlan = With<"RetentionPlan", { classes: Amounts; kept: Amounts }>;
/** What a deletion certificate says. */
interface CertificateContent {
  court: { code: string; name: string };
  contract_end?: boolean;
  asked: { by: string; at: string; reason?: string };
  approved: { by: string; at: string; reason?: string };
  finished_at: string;
  bytes: number;
  root: { sha256: string; sm3: string };
  files: {
    file: string;
    kind: string;
    case: string;
    task: string;
    sha256: string;
    sm3: string;
    root_of: string;
    deleted_at: string;
  }[];
  kept: { file: string; case: string; why: string }[];
}
export type DeletionCertificate = With<"CertificateView", { content: CertificateContent }>;
