-- Lines as carriers have them: several trunks and numbers of a court, changed by two persons.
--
-- Rules of 0001 hold. Every new column has a default, so that rows of before stay what they
-- were: one trunk, its first host in `proxy`, one number.

ALTER TABLE trunks ADD COLUMN state TEXT NOT NULL DEFAULT 'active';   -- active paused
-- JSON: hosts, transport, registration, limits, headers, codecs, number formats. What it
-- does not name has the default of the program.
ALTER TABLE trunks ADD COLUMN profile TEXT NOT NULL DEFAULT '{}';
ALTER TABLE trunks ADD COLUMN version BIGINT NOT NULL DEFAULT 1;
ALTER TABLE trunks ADD COLUMN changed_ms BIGINT NOT NULL DEFAULT 0;
CREATE UNIQUE INDEX trunks_by_name ON trunks (court_id, name);

-- The number register (R12.1). `licence` keeps the words of before; the proof is a file.
ALTER TABLE court_numbers ADD COLUMN carrier TEXT NOT NULL DEFAULT '';
ALTER TABLE court_numbers ADD COLUMN proof_object TEXT REFERENCES objects (id);
ALTER TABLE court_numbers ADD COLUMN valid_from TEXT NOT NULL DEFAULT '';    -- YYYY-MM-DD, or empty: open
ALTER TABLE court_numbers ADD COLUMN valid_until TEXT NOT NULL DEFAULT '';   -- its last day, or empty: open
ALTER TABLE court_numbers ADD COLUMN registration TEXT NOT NULL DEFAULT 'none'; -- none applied registered refused
ALTER TABLE court_numbers ADD COLUMN label TEXT NOT NULL DEFAULT '';         -- name that phones show for it
ALTER TABLE court_numbers ADD COLUMN version BIGINT NOT NULL DEFAULT 1;
ALTER TABLE court_numbers ADD COLUMN changed_ms BIGINT NOT NULL DEFAULT 0;

-- Over which trunks a number may be shown: its carrier checks that.
CREATE TABLE number_trunks (
    number_id   TEXT NOT NULL REFERENCES court_numbers (id),
    trunk_id    TEXT NOT NULL REFERENCES trunks (id),
    PRIMARY KEY (number_id, trunk_id)
);
INSERT INTO number_trunks (number_id, trunk_id) SELECT id, trunk_id FROM court_numbers;

-- What a carrier's causes mean on a trunk. Rows are only ever added; the last one that is
-- valid counts.
CREATE TABLE cause_tables (
    trunk_id    TEXT NOT NULL REFERENCES trunks (id),
    version     BIGINT NOT NULL,
    valid_from_ms BIGINT NOT NULL,
    rules       TEXT NOT NULL,                 -- JSON [{id,status,q850,rang_from_s,rang_until_s,code}]
    changed_by  TEXT NOT NULL,
    changed_ms  BIGINT NOT NULL,
    PRIMARY KEY (trunk_id, version)
);

-- Each way that a call was tried: never two at once. What ends a leg is sealed and kept only
-- as long as the leg may be up.
CREATE TABLE call_tries (
    id          TEXT PRIMARY KEY,
    call_id     TEXT NOT NULL REFERENCES calls (id),
    no          BIGINT NOT NULL,
    court_id    TEXT NOT NULL,
    trunk_id    TEXT NOT NULL,
    caller      TEXT NOT NULL,                 -- the court's own number that was shown
    sip_call_id TEXT NOT NULL,
    leg_sealed  BYTEA,
    started_ms  BIGINT NOT NULL,
    ended_ms    BIGINT,
    status      BIGINT,
    q850        BIGINT,
    cause       TEXT NOT NULL,
    UNIQUE (call_id, no)
);
CREATE INDEX call_tries_by_trunk ON call_tries (trunk_id, started_ms);
CREATE INDEX call_tries_live ON call_tries (trunk_id, ended_ms);

-- By which rule the technical code was found, e.g. "house v1", "trunk <id> v2 #3".
ALTER TABLE calls ADD COLUMN cause_rule TEXT NOT NULL DEFAULT '';

-- Changes that wait for a second person. What they would set is sealed: it may hold a
-- password, which is never shown again.
CREATE TABLE telephony_changes (
    id          TEXT PRIMARY KEY,
    court_id    TEXT NOT NULL REFERENCES courts (id),
    kind        TEXT NOT NULL,                 -- trunk number causes
    object_id   TEXT NOT NULL,
    base_version BIGINT NOT NULL,              -- 0: it is new
    shown       TEXT NOT NULL,                 -- JSON, without secrets
    payload_sealed BYTEA,                      -- NULL once it was decided
    state       TEXT NOT NULL,                 -- waiting applied refused withdrawn
    asked_by    TEXT NOT NULL REFERENCES users (id),
    asked_ms    BIGINT NOT NULL,
    decided_by  TEXT REFERENCES users (id),
    decided_ms  BIGINT,
    reason      TEXT NOT NULL
);
CREATE INDEX telephony_changes_waiting ON telephony_changes (court_id, state, asked_ms);
