-- The road of one call, from push to report.
--
-- One text for SQLite and PostgreSQL: only TEXT, BIGINT, DOUBLE PRECISION and BYTEA;
-- booleans are BIGINT 0/1, times are BIGINT unix milliseconds (UTC), ids are ULIDs.
-- Columns that end in _sealed hold AES-256-GCM under an envelope key of the court;
-- columns that end in _index hold a blind index (keyed HMAC), never the value.

CREATE TABLE courts (
    id          TEXT PRIMARY KEY,
    code        TEXT NOT NULL UNIQUE,          -- 法院代字, e.g. 陕0102
    name        TEXT NOT NULL,
    demo        BIGINT NOT NULL,
    created_ms  BIGINT NOT NULL
);

CREATE TABLE data_keys (
    id          BIGINT PRIMARY KEY,
    court_id    TEXT NOT NULL,
    purpose     TEXT NOT NULL,
    version     BIGINT NOT NULL,
    wrapped     BYTEA NOT NULL,
    created_ms  BIGINT NOT NULL,
    UNIQUE (court_id, purpose, version)
);

CREATE TABLE users (
    id              TEXT PRIMARY KEY,
    court_id        TEXT NOT NULL REFERENCES courts (id),
    login           TEXT NOT NULL UNIQUE,
    name            TEXT NOT NULL,
    staff_no        TEXT NOT NULL,
    role            TEXT NOT NULL,             -- agent supervisor judge clerk admin auditor
    password_hash   TEXT NOT NULL,
    failed_logins   BIGINT NOT NULL,
    locked_until_ms BIGINT NOT NULL,
    disabled_ms     BIGINT,
    created_ms      BIGINT NOT NULL
);

CREATE TABLE machine_accounts (
    id          TEXT PRIMARY KEY,              -- public half of the key
    court_id    TEXT NOT NULL REFERENCES courts (id),
    source      TEXT NOT NULL,                 -- source system named in pushes
    secret_hash TEXT NOT NULL,
    disabled_ms BIGINT,
    created_ms  BIGINT NOT NULL
);

CREATE TABLE sessions (
    id_hash     TEXT PRIMARY KEY,              -- SHA-256 of the cookie, never the cookie
    user_id     TEXT NOT NULL REFERENCES users (id),
    created_ms  BIGINT NOT NULL,
    seen_ms     BIGINT NOT NULL,
    expires_ms  BIGINT NOT NULL,
    revoked_ms  BIGINT,
    ip          TEXT NOT NULL
);
CREATE INDEX sessions_by_user ON sessions (user_id);

CREATE TABLE agent_keys (
    kid         TEXT PRIMARY KEY,              -- base64url(SHA-256(public key))[..16]
    session     TEXT NOT NULL REFERENCES sessions (id_hash),
    user_id     TEXT NOT NULL REFERENCES users (id),
    public_key  BYTEA NOT NULL,                -- uncompressed P-256 point
    created_ms  BIGINT NOT NULL,
    expires_ms  BIGINT NOT NULL,
    revoked_ms  BIGINT
);

CREATE TABLE audit (
    seq         BIGINT PRIMARY KEY,
    at_ms       BIGINT NOT NULL,
    court_id    TEXT NOT NULL,
    actor       TEXT NOT NULL,                 -- user id, machine account id or "system"
    actor_role  TEXT NOT NULL,
    action      TEXT NOT NULL,
    object_kind TEXT NOT NULL,
    object_id   TEXT NOT NULL,
    case_id     TEXT,
    ip          TEXT NOT NULL,
    result      TEXT NOT NULL,
    detail      TEXT NOT NULL,                 -- JSON, masked
    prev_hash   TEXT NOT NULL,
    hash        TEXT NOT NULL
);
CREATE INDEX audit_by_object ON audit (object_kind, object_id);
CREATE INDEX audit_by_actor ON audit (actor, at_ms);

CREATE TABLE jobs (
    id          TEXT PRIMARY KEY,
    kind        TEXT NOT NULL,
    dedupe      TEXT UNIQUE,                   -- one live job per key
    payload     TEXT NOT NULL,                 -- JSON of ids only
    state       TEXT NOT NULL,                 -- waiting running done dead
    run_at_ms   BIGINT NOT NULL,
    attempts    BIGINT NOT NULL,
    lease_until_ms BIGINT NOT NULL,
    last_error  TEXT NOT NULL,
    created_ms  BIGINT NOT NULL,
    done_ms     BIGINT
);
CREATE INDEX jobs_due ON jobs (state, run_at_ms);

CREATE TABLE outbox (
    id          TEXT PRIMARY KEY,
    court_id    TEXT NOT NULL,
    sink        TEXT NOT NULL,                 -- which outside system
    topic       TEXT NOT NULL,
    order_key   TEXT NOT NULL,                 -- messages of one key leave in seq order
    seq         BIGINT NOT NULL,
    payload_sealed BYTEA NOT NULL,
    object_id   TEXT,                          -- file that travels with the message
    state       TEXT NOT NULL,                 -- waiting done dead
    attempts    BIGINT NOT NULL,
    next_ms     BIGINT NOT NULL,
    lease_until_ms BIGINT NOT NULL,
    last_error  TEXT NOT NULL,
    created_ms  BIGINT NOT NULL,
    done_ms     BIGINT,
    UNIQUE (sink, order_key, seq)
);
CREATE INDEX outbox_due ON outbox (state, next_ms);

CREATE TABLE objects (
    id          TEXT PRIMARY KEY,
    court_id    TEXT NOT NULL,
    kind        TEXT NOT NULL,                 -- document report push
    suite       TEXT NOT NULL,
    sha256      TEXT NOT NULL,                 -- of the clear content
    sm3         TEXT NOT NULL,
    size        BIGINT NOT NULL,
    media_type  TEXT NOT NULL,
    created_ms  BIGINT NOT NULL
);

CREATE TABLE alarms (
    id          TEXT PRIMARY KEY,
    kind        TEXT NOT NULL,
    object_id   TEXT NOT NULL,
    text        TEXT NOT NULL,
    raised_ms   BIGINT NOT NULL,
    last_ms     BIGINT NOT NULL,
    times       BIGINT NOT NULL,
    cleared_ms  BIGINT,
    UNIQUE (kind, object_id)
);

CREATE TABLE cases (
    id          TEXT PRIMARY KEY,
    court_id    TEXT NOT NULL REFERENCES courts (id),
    number      TEXT NOT NULL,                 -- canonical 案号
    number_raw  TEXT NOT NULL,
    kind        TEXT NOT NULL,
    cause       TEXT NOT NULL,
    procedure   TEXT NOT NULL,
    dept        TEXT NOT NULL,
    judge_login TEXT NOT NULL,
    judge_name  TEXT NOT NULL,
    clerk_login TEXT NOT NULL,
    hearing_ms  BIGINT,
    hearing_room TEXT NOT NULL,
    evidence_until TEXT NOT NULL,
    secret      BIGINT NOT NULL,
    created_ms  BIGINT NOT NULL,
    UNIQUE (court_id, number)
);

CREATE TABLE orders (
    id          TEXT PRIMARY KEY,
    court_id    TEXT NOT NULL REFERENCES courts (id),
    case_id     TEXT REFERENCES cases (id),
    source      TEXT NOT NULL,
    order_no    TEXT NOT NULL,
    revision    BIGINT NOT NULL,
    content_hash TEXT NOT NULL,
    state       TEXT NOT NULL,                 -- 待补正 已补正 已接收 处理中 待法官确认
    link        TEXT NOT NULL,
    order_kind  TEXT NOT NULL,
    finish_by   TEXT NOT NULL,
    urgency     TEXT NOT NULL,
    remark_sealed BYTEA,
    gaps        TEXT NOT NULL,                 -- JSON list of what is missing
    answer      TEXT NOT NULL,                 -- JSON, the first answer, repeated to repeats
    body_object TEXT NOT NULL REFERENCES objects (id),
    created_ms  BIGINT NOT NULL,
    UNIQUE (court_id, source, order_no, revision)
);
CREATE INDEX orders_by_case ON orders (case_id);

CREATE TABLE parties (
    id          TEXT PRIMARY KEY,
    case_id     TEXT NOT NULL REFERENCES cases (id),
    ref         TEXT NOT NULL,                 -- the source's own reference
    position    TEXT NOT NULL,                 -- 诉讼地位
    kind        TEXT NOT NULL,
    name        TEXT NOT NULL,
    id_type     TEXT NOT NULL,
    id_sealed   BYTEA,
    id_index    TEXT,
    id_masked   TEXT NOT NULL,
    id_state    TEXT NOT NULL,                 -- 有效 待核实 未提供
    person_index TEXT NOT NULL,                -- who this is, for the person lock
    created_ms  BIGINT NOT NULL,
    UNIQUE (case_id, ref)
);
CREATE INDEX parties_by_id ON parties (id_index);

CREATE TABLE phones (
    id          TEXT PRIMARY KEY,
    party_id    TEXT NOT NULL REFERENCES parties (id),
    number_sealed BYTEA NOT NULL,
    number_index TEXT NOT NULL,
    masked      TEXT NOT NULL,
    source      TEXT NOT NULL,
    label       TEXT NOT NULL,
    rank        BIGINT NOT NULL,               -- 1 is dialled first
    state       TEXT NOT NULL,                 -- 有效 空号 停机 不可拨
    last_result TEXT NOT NULL,
    created_ms  BIGINT NOT NULL,
    UNIQUE (party_id, number_index)
);
CREATE INDEX phones_by_number ON phones (number_index);

CREATE TABLE addresses (
    id          TEXT PRIMARY KEY,
    party_id    TEXT NOT NULL REFERENCES parties (id),
    text_sealed BYTEA NOT NULL,
    masked      TEXT NOT NULL,
    source      TEXT NOT NULL,
    confirmed   BIGINT NOT NULL,
    created_ms  BIGINT NOT NULL
);

CREATE TABLE emails (
    id          TEXT PRIMARY KEY,
    party_id    TEXT NOT NULL REFERENCES parties (id),
    address_sealed BYTEA NOT NULL,
    masked      TEXT NOT NULL,
    created_ms  BIGINT NOT NULL
);

CREATE TABLE representatives (
    id          TEXT PRIMARY KEY,              -- 诉讼代理人
    party_id    TEXT NOT NULL REFERENCES parties (id),
    name        TEXT NOT NULL,
    kind        TEXT NOT NULL,
    authority   TEXT NOT NULL,
    receiver    BIGINT NOT NULL,
    phone_id    TEXT REFERENCES phones (id),
    created_ms  BIGINT NOT NULL
);

CREATE TABLE documents (
    id          TEXT PRIMARY KEY,
    order_id    TEXT NOT NULL REFERENCES orders (id),
    ref         TEXT NOT NULL,
    name        TEXT NOT NULL,
    class       TEXT NOT NULL,                 -- D1 … D6
    object_id   TEXT NOT NULL REFERENCES objects (id),
    sha256      TEXT NOT NULL,
    sm3         TEXT NOT NULL,
    pages       BIGINT NOT NULL,
    sealed      BIGINT NOT NULL,               -- carries the court's seal
    created_ms  BIGINT NOT NULL,
    UNIQUE (order_id, ref)
);

CREATE TABLE tasks (
    id          TEXT PRIMARY KEY,
    number      TEXT NOT NULL,
    court_id    TEXT NOT NULL REFERENCES courts (id),
    order_id    TEXT NOT NULL REFERENCES orders (id),
    case_id     TEXT NOT NULL REFERENCES cases (id),
    party_id    TEXT NOT NULL REFERENCES parties (id),
    phase       TEXT NOT NULL,                 -- 待外呼 外呼中 待办 查找中 送达完成 …
    result      TEXT NOT NULL,                 -- 未定 送达成功 …
    result_rule TEXT NOT NULL,                 -- rule id and version, e.g. "S13 v1"
    result_ms   BIGINT,
    next_call_ms BIGINT NOT NULL,              -- not before
    next_step   TEXT NOT NULL,                 -- proposal after the last outcome
    deadline    TEXT NOT NULL,
    party_ref   TEXT NOT NULL,                 -- how the order names the recipient
    version     BIGINT NOT NULL,
    created_ms  BIGINT NOT NULL,
    first_action_ms BIGINT,
    closed_ms   BIGINT,
    UNIQUE (order_id, party_id)
);
CREATE INDEX tasks_queue ON tasks (court_id, phase, next_call_ms, created_ms);
CREATE INDEX tasks_by_case ON tasks (case_id);

CREATE TABLE task_documents (
    task_id     TEXT NOT NULL REFERENCES tasks (id),
    document_id TEXT NOT NULL REFERENCES documents (id),
    copies      BIGINT NOT NULL,
    state       TEXT NOT NULL,                 -- 未送达 已送达
    PRIMARY KEY (task_id, document_id)
);

-- The task's timeline. Rows are only ever added; each names the one before it.
CREATE TABLE events (
    task_id     TEXT NOT NULL REFERENCES tasks (id),
    seq         BIGINT NOT NULL,
    at_ms       BIGINT NOT NULL,
    actor       TEXT NOT NULL,
    actor_name  TEXT NOT NULL,
    kind        TEXT NOT NULL,
    object_id   TEXT NOT NULL,
    detail      TEXT NOT NULL,                 -- JSON, masked
    prev_hash   TEXT NOT NULL,
    hash        TEXT NOT NULL,
    PRIMARY KEY (task_id, seq)
);

CREATE TABLE person_locks (
    person_index TEXT PRIMARY KEY,
    task_id     TEXT NOT NULL REFERENCES tasks (id),
    agent_id    TEXT NOT NULL REFERENCES users (id),
    until_ms    BIGINT NOT NULL
);

CREATE TABLE work_orders (
    id          TEXT PRIMARY KEY,
    task_id     TEXT NOT NULL REFERENCES tasks (id),
    agent_id    TEXT NOT NULL REFERENCES users (id),
    session     TEXT NOT NULL,
    kid         TEXT NOT NULL,
    state       TEXT NOT NULL,                 -- offered opened done expired
    active_agent TEXT UNIQUE,                  -- agent id while offered or opened: one at a time
    active_task TEXT UNIQUE,                   -- task id while offered or opened
    expires_ms  BIGINT NOT NULL,
    created_ms  BIGINT NOT NULL,
    opened_ms   BIGINT,
    closed_ms   BIGINT
);

CREATE TABLE trunks (
    id          TEXT PRIMARY KEY,
    court_id    TEXT NOT NULL REFERENCES courts (id),
    name        TEXT NOT NULL,
    proxy       TEXT NOT NULL,                 -- host:port
    domain      TEXT NOT NULL,
    username    TEXT NOT NULL,
    password_sealed BYTEA NOT NULL,
    demo        BIGINT NOT NULL,
    created_ms  BIGINT NOT NULL
);

CREATE TABLE court_numbers (
    id          TEXT PRIMARY KEY,
    court_id    TEXT NOT NULL REFERENCES courts (id),
    trunk_id    TEXT NOT NULL REFERENCES trunks (id),
    number      TEXT NOT NULL,                 -- the court's own dedicated number: public
    licence     TEXT NOT NULL,                 -- proof on file
    active      BIGINT NOT NULL,
    created_ms  BIGINT NOT NULL,
    UNIQUE (court_id, number)
);

CREATE TABLE calls (
    id          TEXT PRIMARY KEY,
    court_id    TEXT NOT NULL,
    task_id     TEXT NOT NULL REFERENCES tasks (id),
    work_order_id TEXT NOT NULL REFERENCES work_orders (id),
    phone_id    TEXT NOT NULL REFERENCES phones (id),
    agent_id    TEXT NOT NULL REFERENCES users (id),
    caller      TEXT NOT NULL,                 -- the court's own number
    state       TEXT NOT NULL,                 -- dialling ringing talking ended
    live_agent  TEXT UNIQUE,                   -- agent id until the call ended
    live_task   TEXT UNIQUE,
    created_ms  BIGINT NOT NULL,
    ringing_ms  BIGINT,
    early_ms    BIGINT,
    answered_ms BIGINT,
    talk_from_ms BIGINT,
    ended_ms    BIGINT,
    talk_ms     BIGINT NOT NULL,
    ended_by    TEXT NOT NULL,
    end_facts   TEXT NOT NULL,                 -- JSON: status, q850, ring time, cause
    technical_code TEXT NOT NULL,
    is_attempt  BIGINT NOT NULL,
    recording_id TEXT,
    prompt_spans TEXT NOT NULL,                -- JSON [{from_ms,to_ms,text}]
    quality     TEXT NOT NULL                  -- JSON
);
CREATE INDEX calls_by_task ON calls (task_id);

CREATE TABLE recordings (
    id          TEXT PRIMARY KEY,
    call_id     TEXT NOT NULL UNIQUE REFERENCES calls (id),
    court_id    TEXT NOT NULL,
    state       TEXT NOT NULL,                 -- live closed recovered missing altered
    started_ms  BIGINT NOT NULL,
    frames      BIGINT NOT NULL,
    bytes       BIGINT NOT NULL,
    sha256      TEXT NOT NULL,
    sm3         TEXT NOT NULL,
    gaps        TEXT NOT NULL,
    closed_ms   BIGINT
);

CREATE TABLE transcripts (
    call_id     TEXT PRIMARY KEY REFERENCES calls (id),
    state       TEXT NOT NULL,                 -- waiting ready failed
    model_name  TEXT NOT NULL,
    model_sha256 TEXT NOT NULL,
    test_model  BIGINT NOT NULL,
    body_sealed BYTEA,                         -- JSON as the machine wrote it, never changed
    created_ms  BIGINT NOT NULL,
    ready_ms    BIGINT
);

CREATE TABLE transcript_edits (
    id          TEXT PRIMARY KEY,
    call_id     TEXT NOT NULL REFERENCES calls (id),
    line_no     BIGINT NOT NULL,
    text_sealed BYTEA NOT NULL,
    editor_id   TEXT NOT NULL,
    editor_name TEXT NOT NULL,
    at_ms       BIGINT NOT NULL
);
CREATE INDEX transcript_edits_by_call ON transcript_edits (call_id, at_ms);

CREATE TABLE attempts (
    id          TEXT PRIMARY KEY,
    task_id     TEXT NOT NULL REFERENCES tasks (id),
    no          BIGINT NOT NULL,
    call_id     TEXT NOT NULL UNIQUE REFERENCES calls (id),
    technical_code TEXT NOT NULL,
    contact_code TEXT NOT NULL,                -- W1 … W12 or empty
    business_code TEXT NOT NULL,               -- B01 … B17 or empty
    heard_all   BIGINT NOT NULL,               -- 已清楚完整听取
    note_sealed BYTEA,
    agent_id    TEXT NOT NULL,
    rule        TEXT NOT NULL,                 -- version of the outcome table
    at_ms       BIGINT NOT NULL,
    UNIQUE (task_id, no)
);

CREATE TABLE reports (
    id          TEXT PRIMARY KEY,
    task_id     TEXT NOT NULL REFERENCES tasks (id),
    attempt_id  TEXT NOT NULL REFERENCES attempts (id),
    kind        TEXT NOT NULL,                 -- T3-phone
    version     BIGINT NOT NULL,
    state       TEXT NOT NULL,                 -- 有效 已被替代
    supersedes  TEXT,
    object_id   TEXT NOT NULL REFERENCES objects (id),
    sha256      TEXT NOT NULL,
    sm3         TEXT NOT NULL,
    pages       BIGINT NOT NULL,
    template    TEXT NOT NULL,
    template_version BIGINT NOT NULL,
    data_sha256 TEXT NOT NULL,
    transcript_state TEXT NOT NULL,            -- 已附 转写待补 无录音
    created_ms  BIGINT NOT NULL,
    UNIQUE (task_id, kind, version)
);
