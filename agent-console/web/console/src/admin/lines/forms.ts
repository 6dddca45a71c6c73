// What a new trunk and a new number begin with, and what a form makes of its fields.

import type { NumberForm, NumberRow, TrunkForm, TrunkRow } from "../../lib/types.ts";

export const TRUNKS = "/telephony/trunks";
export const NUMBERS = "/telephony/numbers";
export const CHANGES = "/telephony/changes";
export const PHONES = "/telephony/phones";
export const CALLS = "/telephony/calls";

/** Everything that a change of a line makes stale. */
export const TELEPHONY = ["telephony"];

export function newTrunk(): TrunkForm {
  return {
    name: "",
    state: "active",
    domain: "",
    username: "",
    password: null,
    profile: {
      hosts: [],
      transport: "udp",
      register: true,
      weight: 10,
      max_calls: 30,
      max_calls_per_second: 5,
      calls_per_day: 0,
      headers: {
        from: "number",
        identity: "asserted",
        identity_uri: "sip",
        privacy_none: false,
      },
      codecs: ["pcma", "pcmu"],
      called: {
        style: "national",
        access_prefix: "",
        home: { area: "", mobiles: [] },
        zero_before_distant_mobiles: false,
        own_area_without_code: false,
        abroad: [],
      },
      calling: { style: "national", without_area: false },
      session_expires_s: 1800,
      accept: [],
      srtp: "off",
      media_source: "port",
    },
  };
}

/** A trunk as its form begins: everything but the password, which is never shown. */
export function trunkForm(row: TrunkRow): TrunkForm {
  const { name, state, domain, username, profile } = row;
  return { name, state, domain, username, profile, password: null };
}

/** Whether this change leaves a trunk without TLS: the keys of sound that it had would be refused. */
export function losesKeys(changed: { profile?: { transport?: string } }): boolean {
  const transport = changed.profile?.transport;
  return transport !== undefined && transport !== "tls";
}

export function newNumber(trunks: string[]): NumberForm {
  return {
    number: "",
    carrier: "",
    trunks,
    proof: null,
    valid_from: "",
    valid_until: "",
    registration: "none",
    label: "",
    active: false,
  };
}

export function numberForm(row: NumberRow): NumberForm {
  const { number, carrier, trunks, valid_from, valid_until, registration, label, active } = row;
  return {
    number,
    carrier,
    trunks,
    valid_from,
    valid_until,
    registration,
    label,
    active,
    proof: null,
  };
}

/** Where a form shows what the server says of a field: `profile.hosts[0]` is `hosts`. */
export function fieldPath(field: string): (string | number)[] {
  return field.replace(/\[\d+\]$/, "").split(".");
}
