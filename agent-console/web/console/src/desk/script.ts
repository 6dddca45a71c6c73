// The words to say, with what belongs into them. The script of the court holds names in
// braces; what the work order does not have stays visible as a gap, never as nothing.

import { dateTime, day } from "../lib/time.ts";
import type { WorkOrder } from "../lib/types.ts";

const GAP = "＿＿＿";

export function scriptValues(order: WorkOrder): Record<string, string> {
  return {
    court: order.court.name,
    agent: order.agent.name,
    staff_no: order.agent.staff_no,
    name: order.recipient.name,
    number: order.case.number,
    cause: order.case.cause,
    // Said to the party in the words of the script, whatever the agent reads in.
    documents: order.documents.map((document) => document.name).join("、"),
    hearing: spokenTime(order.case.hearing_at),
    room: order.case.hearing_room,
    evidence_until: spokenDay(order.case.evidence_until),
  };
}

export function fillScript(text: string, values: Record<string, string>): string {
  return text.replace(/\{([a-z_]+)\}/g, (_all, name: string) => values[name] || GAP);
}

function spokenTime(at: string | null): string {
  const text = dateTime(at);
  return text ? `${spokenDay(at)}${text.slice(11)}` : "";
}

function spokenDay(at: string | null): string {
  const parts = day(at).split("-").map(Number);
  return parts.length === 3 ? `${parts[0]}年${parts[1]}月${parts[2]}日` : "";
}
