-- The call that survives: what must outlive a page, an agent and the process.
--
-- Rules of 0001 hold: four column types, times in unix milliseconds, _sealed columns under
-- an envelope key of the court. Every new column has a default, so that rows of before stay
-- what they were.

-- What ends the carrier's leg after a kill, sealed; NULL once the leg is known to be down.
ALTER TABLE calls ADD COLUMN trunk_id TEXT;
ALTER TABLE calls ADD COLUMN leg_sealed BYTEA;
-- Language of the notice, script that the agent read from.
ALTER TABLE calls ADD COLUMN language TEXT NOT NULL DEFAULT 'zh';
ALTER TABLE calls ADD COLUMN script TEXT NOT NULL DEFAULT '';
-- First frame of the recording; all offsets count from here.
ALTER TABLE calls ADD COLUMN recording_from_ms BIGINT;
-- What a listener must know, JSON [{kind,from_ms,to_ms,text}] in the recording's time.
ALTER TABLE calls ADD COLUMN marks TEXT NOT NULL DEFAULT '[]';
-- What the party was told at the end: apology farewell recording_failed, or empty.
ALTER TABLE calls ADD COLUMN parting TEXT NOT NULL DEFAULT '';
-- Why the agent ended it politely: abuse threat self_harm child other, or empty.
ALTER TABLE calls ADD COLUMN end_reason TEXT NOT NULL DEFAULT '';
-- The line went dead between the first word of the consent and its last (E45).
ALTER TABLE calls ADD COLUMN broken_consent BIGINT NOT NULL DEFAULT 0;
-- The call whose broken consent this one takes up again.
ALTER TABLE calls ADD COLUMN resumed_from TEXT;
-- '' none is due, due: in wrap-up, owed: 待补录, saved.
ALTER TABLE calls ADD COLUMN outcome_state TEXT NOT NULL DEFAULT '';
ALTER TABLE calls ADD COLUMN wrap_until_ms BIGINT;
ALTER TABLE calls ADD COLUMN wrap_extended BIGINT NOT NULL DEFAULT 0;
ALTER TABLE calls ADD COLUMN owed_ms BIGINT;

UPDATE calls SET outcome_state = 'saved' WHERE id IN (SELECT call_id FROM attempts);
UPDATE calls SET outcome_state = 'due'
 WHERE state = 'ended' AND is_attempt = 1 AND outcome_state = '';

CREATE INDEX calls_outcome ON calls (outcome_state, agent_id);

-- 1: before all others, as soon as it may be called.
ALTER TABLE tasks ADD COLUMN front BIGINT NOT NULL DEFAULT 0;
-- The call whose broken consent the next call takes up again.
ALTER TABLE tasks ADD COLUMN resume_call TEXT;

-- What an agent filled in and has not saved: codes, fields and note, as one sealed text.
CREATE TABLE call_drafts (
    call_id     TEXT PRIMARY KEY REFERENCES calls (id),
    body_sealed BYTEA NOT NULL,
    saved_ms    BIGINT NOT NULL
);

-- What the outcome asked for besides its codes. Rows are only ever added.
CREATE TABLE attempt_fields (
    attempt_id  TEXT NOT NULL REFERENCES attempts (id),
    name        TEXT NOT NULL,
    kind        TEXT NOT NULL,
    value_sealed BYTEA NOT NULL,
    masked      TEXT NOT NULL,                 -- what may be shown of it
    write_only  BIGINT NOT NULL,
    PRIMARY KEY (attempt_id, name)
);

-- Steps of the script, said or taken back. The last row of a step counts; rows are only
-- ever added.
CREATE TABLE call_ticks (
    call_id     TEXT NOT NULL REFERENCES calls (id),
    seq         BIGINT NOT NULL,
    step        TEXT NOT NULL,
    ticked      BIGINT NOT NULL,
    at_ms       BIGINT NOT NULL,
    offset_ms   BIGINT,                        -- in the recording, when it runs
    PRIMARY KEY (call_id, seq)
);

-- What the agent's browser measured of its line.
CREATE TABLE call_samples (
    call_id     TEXT NOT NULL REFERENCES calls (id),
    seq         BIGINT NOT NULL,
    at_ms       BIGINT NOT NULL,
    rtt_ms      DOUBLE PRECISION,
    jitter_ms   DOUBLE PRECISION,
    loss        DOUBLE PRECISION,              -- share, 0 to 1
    quality     TEXT NOT NULL,                 -- good fair poor lost
    PRIMARY KEY (call_id, seq)
);

-- What a judge must look at. Rows are only ever added.
CREATE TABLE escalations (
    id          TEXT PRIMARY KEY,
    court_id    TEXT NOT NULL,
    task_id     TEXT NOT NULL REFERENCES tasks (id),
    call_id     TEXT NOT NULL UNIQUE REFERENCES calls (id),
    agent_id    TEXT NOT NULL REFERENCES users (id),
    reason      TEXT NOT NULL,                 -- abuse threat self_harm other
    at_ms       BIGINT NOT NULL
);
CREATE INDEX escalations_by_task ON escalations (task_id);

-- How a court works at the desk. No row: the defaults.
CREATE TABLE court_settings (
    court_id    TEXT PRIMARY KEY REFERENCES courts (id),
    wrap_up     TEXT NOT NULL,                 -- optional discretionary time_boxed time_boxed_no_early_exit
    wrap_up_s   BIGINT NOT NULL,
    changed_ms  BIGINT NOT NULL,
    changed_by  TEXT NOT NULL
);
