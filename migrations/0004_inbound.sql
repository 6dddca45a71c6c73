-- Calls that come in: who calls the court back, and what becomes of it.
--
-- Rules of 0001 hold. A call that belongs to a task has its row in `calls`, under the same id;
-- what is here beside it says how it came in. Until then it stands here with its recording.

-- in: the party called. out: we did.
ALTER TABLE calls ADD COLUMN direction TEXT NOT NULL DEFAULT 'out';

-- Blind index of a number without its extension: who has an extension calls back under the
-- number of his switchboard. NULL on numbers of earlier versions until the next start.
ALTER TABLE phones ADD COLUMN main_index TEXT;
CREATE INDEX phones_by_main ON phones (main_index);

CREATE TABLE inbound_calls (
    id          TEXT PRIMARY KEY,
    court_id    TEXT NOT NULL REFERENCES courts (id),
    called      TEXT NOT NULL,                 -- the court's own number: public
    trunk_id    TEXT NOT NULL,
    number_sealed BYTEA,                       -- NULL when the caller withheld it
    number_index TEXT NOT NULL,                -- '' when the caller withheld it
    masked      TEXT NOT NULL,
    state       TEXT NOT NULL,                 -- waiting talking message ended
    live_person TEXT,                          -- whom nobody may call while he is on the line here
    task_id     TEXT REFERENCES tasks (id),    -- whom the number belongs to, or who was linked
    phone_id    TEXT REFERENCES phones (id),
    agent_id    TEXT REFERENCES users (id),    -- who took it
    list_state  TEXT NOT NULL,                 -- '' in no list, open, linked, dismissed
    message     BIGINT NOT NULL,               -- it has a voice message
    call_back   BIGINT NOT NULL,               -- 待回拨
    created_ms  BIGINT NOT NULL,
    answered_ms BIGINT,
    talk_from_ms BIGINT,
    ended_ms    BIGINT,
    talk_ms     BIGINT NOT NULL,
    ended_by    TEXT NOT NULL,
    end_facts   TEXT NOT NULL,                 -- JSON
    recording_id TEXT NOT NULL,
    recording_from_ms BIGINT,
    prompt_spans TEXT NOT NULL,                -- JSON [{from_ms,to_ms,text}]
    marks       TEXT NOT NULL,                 -- JSON
    quality     TEXT NOT NULL,                 -- JSON
    language    TEXT NOT NULL,
    leg_sealed  BYTEA,                         -- what ends its leg after a kill
    sip_call_id TEXT NOT NULL DEFAULT '',      -- on the wire
    settled_ms  BIGINT,
    settled_by  TEXT REFERENCES users (id),
    settled_reason TEXT NOT NULL               -- why it was dismissed, in the supervisor's words
);
CREATE INDEX inbound_calls_list ON inbound_calls (court_id, list_state, created_ms);
CREATE INDEX inbound_calls_live ON inbound_calls (live_person);

-- As `recordings`, and moved there with its call.
CREATE TABLE inbound_recordings (
    id          TEXT PRIMARY KEY,
    inbound_id  TEXT NOT NULL UNIQUE REFERENCES inbound_calls (id),
    court_id    TEXT NOT NULL,
    state       TEXT NOT NULL,
    started_ms  BIGINT NOT NULL,
    frames      BIGINT NOT NULL,
    bytes       BIGINT NOT NULL,
    sha256      TEXT NOT NULL,
    sm3         TEXT NOT NULL,
    gaps        TEXT NOT NULL,
    closed_ms   BIGINT
);

-- As `transcripts`, and moved there with its call.
CREATE TABLE inbound_transcripts (
    inbound_id  TEXT PRIMARY KEY REFERENCES inbound_calls (id),
    state       TEXT NOT NULL,
    model_name  TEXT NOT NULL,
    model_sha256 TEXT NOT NULL,
    test_model  BIGINT NOT NULL,
    body_sealed BYTEA,
    created_ms  BIGINT NOT NULL,
    ready_ms    BIGINT
);

-- When a court takes calls. No row: the defaults.
CREATE TABLE inbound_settings (
    court_id    TEXT PRIMARY KEY REFERENCES courts (id),
    days        TEXT NOT NULL,                 -- 1 is Monday: 12345
    opens       TEXT NOT NULL,                 -- HH:MM in Shanghai
    closes      TEXT NOT NULL,
    exceptions  TEXT NOT NULL,                 -- JSON {"2026-10-01": false}: holidays, days worked instead
    wait_s      BIGINT NOT NULL,               -- nobody took it: voice mail
    message_s   BIGINT NOT NULL,               -- longest voice message; 0: none is taken
    changed_ms  BIGINT NOT NULL,
    changed_by  TEXT NOT NULL
);
