-- What the line said of a number, or of who answered: a suggestion with its evidence, and what the
-- agent made of it (domain 2.4, E44). One row a call; it is not changed behind a decision.

CREATE TABLE call_progress (
    call_id     TEXT PRIMARY KEY REFERENCES calls(id),
    court_id    TEXT NOT NULL,
    class       TEXT NOT NULL,                 -- switched_off, person, machine, busy ...
    confidence  BIGINT NOT NULL,               -- per cent
    place       TEXT NOT NULL,                 -- early, answered
    from_ms     BIGINT NOT NULL,               -- span of the recording that shows it
    to_ms       BIGINT NOT NULL,
    text_sealed BYTEA,                         -- the words, where words are the evidence
    rule        TEXT NOT NULL DEFAULT '',      -- table of key words with its version
    model       TEXT NOT NULL DEFAULT '',      -- SHA-256 of the speech model
    test_model  BIGINT NOT NULL DEFAULT 0,
    code        TEXT NOT NULL DEFAULT '',      -- technical code that it suggests, or empty
    state       TEXT NOT NULL DEFAULT 'suggested',  -- suggested, confirmed, rejected
    conflict    BIGINT NOT NULL DEFAULT 0,     -- confirmed, and the signalling says something else
    decided_by  TEXT,
    decided_ms  BIGINT,
    heard_ms    BIGINT NOT NULL
);
