// Lines as the page shows them: two trunks, two numbers, changes of the own and of another.

const profile = {
  hosts: ["sip.xa.chinatelecom.example", "sip2.xa.chinatelecom.example:5062"],
  transport: "tls",
  register: true,
  weight: 30,
  max_calls: 60,
  max_calls_per_second: 10,
  calls_per_day: 3000,
  headers: { from: "number", identity: "asserted", identity_uri: "sip", privacy_none: false },
  codecs: ["pcma", "pcmu"],
  called: {
    style: "national",
    access_prefix: "",
    home: { area: "029", mobiles: ["1380000", "1390929"] },
    zero_before_distant_mobiles: true,
    own_area_without_code: true,
    abroad: [],
  },
  calling: { style: "national", without_area: false },
  session_expires_s: 1800,
  accept: ["203.0.113.0/24"],
  srtp: "required",
  media_source: "port",
};

const second = {
  ...profile,
  hosts: ["192.0.2.40:5060"],
  transport: "udp",
  srtp: "off",
  register: false,
  weight: 10,
  max_calls: 30,
  calls_per_day: 0,
  called: { ...profile.called, style: "e164", zero_before_distant_mobiles: false },
};

const trunk = (id: string, name: string, rest: object) => ({
  id,
  version: 3,
  name,
  state: "active",
  domain: "xa.chinatelecom.example",
  username: "02988001234",
  password_set: true,
  profile,
  demo: true,
  numbers: ["02988001234"],
  signalling: {
    host: "sip.xa.chinatelecom.example",
    up: true,
    why: "fine",
    since: new Date(Date.now() - 7_200_000).toISOString(),
    last_answer_at: new Date(Date.now() - 20_000).toISOString(),
    last_status: 200,
    registered_until: new Date(Date.now() + 1_200_000).toISOString(),
  },
  live_calls: 7,
  calls_today: 412,
  ...rest,
});

export const trunks = {
  items: [
    trunk("trunk-1", "电信主线", {}),
    trunk("trunk-2", "联通备线", {
      profile: second,
      state: "paused",
      numbers: [],
      live_calls: 0,
      calls_today: 0,
    }),
  ],
};

const number = (id: string, rest: object) => ({
  id,
  version: 1,
  number: "02988001234",
  carrier: "中国电信西安分公司",
  trunks: ["trunk-1", "trunk-2"],
  proof: "application/pdf",
  valid_from: "2026-01-01",
  valid_until: "2027-12-31",
  registration: "registered",
  label: "新城区人民法院送达专线",
  active: true,
  valid: true,
  ...rest,
});

export const numbers = {
  items: [
    number("number-1", {}),
    number("number-2", {
      number: "02988005678",
      trunks: ["trunk-2"],
      proof: null,
      valid_from: "",
      valid_until: "",
      registration: "none",
      label: "",
      active: false,
    }),
  ],
};

const phone = (id: string, extension: string, name: string, rest: object) => ({
  id,
  extension,
  name,
  owner_id: null,
  owner_name: null,
  active: true,
  password_valid: true,
  created_at: new Date(Date.now() - 86_400_000).toISOString(),
  devices: [],
  ...rest,
});

export const phones = {
  realm: "phones.xa.court.example",
  ways: [
    { protocol: "UDP", address: "10.20.0.5:5060" },
    { protocol: "TLS", address: "10.20.0.5:5061" },
  ],
  items: [
    phone("phone-1", "8001", "立案庭 302", {
      owner_name: "李建军",
      devices: [
        {
          protocol: "TLS",
          address: "10.20.3.17:51244",
          since: new Date(Date.now() - 7_200_000).toISOString(),
          until: new Date(Date.now() + 400_000).toISOString(),
          agent: "Yealink SIP-T46U 108.86.0.20",
        },
      ],
    }),
    phone("phone-2", "8002", "值班室", {}),
    phone("phone-3", "8003", "旧话机", { active: false }),
  ],
};

const change = (id: string, rest: object) => ({
  id,
  kind: "trunk",
  object_id: "trunk-1",
  is_new: false,
  to: {},
  proof: false,
  state: "waiting",
  asked_by_name: "李建军",
  asked_at: new Date(Date.now() - 900_000).toISOString(),
  decided_by_name: null,
  decided_at: null,
  reason: "",
  own: false,
  ...rest,
});

export const changes = {
  items: [
    change("change-1", {
      to: {
        name: "电信主线",
        state: "active",
        password_changed: true,
        profile: { ...profile, max_calls: 90, hosts: ["sip.xa.chinatelecom.example"] },
      },
    }),
    change("change-3", {
      kind: "number",
      object_id: "number-1",
      proof: true,
      asked_by_name: "赵强",
      to: {
        number: "02988001234",
        carrier: "中国联通西安分公司",
        proof: "object-1",
      },
    }),
    change("change-2", {
      kind: "number",
      object_id: "number-2",
      own: true,
      asked_by_name: "赵强",
      to: {
        number: "02988005678",
        trunks: ["trunk-1", "trunk-2"],
        valid_from: "2026-12-01",
        registration: "applied",
        active: true,
        proof_changed: true,
      },
    }),
  ],
};

export const causes = {
  house: "house v1",
  items: [
    {
      version: 2,
      valid_from: new Date(Date.now() - 86_400_000).toISOString(),
      rules: [
        { status: 480, q850: 20, rang_from_s: null, rang_until_s: null, code: "C04" },
        { status: 404, q850: null, rang_from_s: null, rang_until_s: null, code: "C05" },
      ],
      changed_by_name: "李建军",
      changed_at: new Date(Date.now() - 90_000_000).toISOString(),
    },
  ],
};

const step = (after_ms: number, direction: string, what: string, cseq: string, rest = {}) => ({
  after_ms,
  direction,
  what,
  cseq,
  protocol: "udp",
  remote: "192.0.2.40:5060",
  reason: null,
  sdp: null,
  headers: [],
  ...rest,
});

const began = new Date(Date.now() - 600_000).toISOString();

/** A call that a first trunk refused and a second one carried. */
export const ladder = {
  ways: [
    {
      trunk_id: "trunk-2",
      incoming: false,
      caller: "02988001234",
      started_at: began,
      ended_at: began,
      status: 503,
      q850: 38,
      cause: "503 Service Unavailable",
      steps: [
        step(0, "out", "INVITE sip:138****1234@192.0.2.40", "1 INVITE", {
          sdp: "192.0.2.9:20000 PCMA PCMU telephone-event",
          headers: [["User-Agent", "Songda"]],
        }),
        step(31, "in", "100 Trying", "1 INVITE"),
        step(84, "in", "503 Service Unavailable", "1 INVITE", {
          reason: "Q.850;cause=38",
          headers: [["Retry-After", "60"]],
        }),
        step(85, "out", "ACK sip:138****1234@192.0.2.40", "1 ACK"),
      ],
    },
    {
      trunk_id: "trunk-1",
      incoming: true,
      caller: "02988001234",
      started_at: began,
      ended_at: null,
      status: null,
      q850: null,
      cause: "",
      steps: [
        step(0, "in", "INVITE sip:029****1234@192.0.2.9", "7 INVITE"),
        step(4, "out", "180 Ringing", "7 INVITE"),
        step(2104, "out", "200 OK", "7 INVITE", { sdp: "192.0.2.9:20002 PCMA telephone-event" }),
      ],
    },
  ],
};

export const ladderGone = { ways: [{ ...ladder.ways[1], steps: [] }] };
