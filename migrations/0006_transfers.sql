-- A live call that is handed from the agent at the desk to a colleague or to a desk phone.
--
-- Rules of 0001 hold. Who spoke to the party, and from when on, is evidence: a row is written
-- before anybody rings and says how it ended. The call itself may stand in `calls` or, as long
-- as it belongs to no task, in `inbound_calls`; its id is the same in both.

CREATE TABLE call_transfers (
    id          TEXT PRIMARY KEY,
    call_id     TEXT NOT NULL,
    court_id    TEXT NOT NULL REFERENCES courts (id),
    from_agent  TEXT NOT NULL REFERENCES users (id),
    mode        TEXT NOT NULL,                 -- blind attended
    to_kind     TEXT NOT NULL,                 -- seat phone
    to_id       TEXT NOT NULL,                 -- a user, or a desk phone
    to_name     TEXT NOT NULL,                 -- as the agent was shown it
    state       TEXT NOT NULL,                 -- ringing consulting done failed
    reason      TEXT NOT NULL,                 -- why it failed
    asked_ms    BIGINT NOT NULL,
    consulted_ms BIGINT,                       -- both agents spoke from here on
    settled_ms  BIGINT,                        -- it was done, or failed
    offset_ms   BIGINT                         -- place in the recording where it was done
);
CREATE INDEX call_transfers_by_call ON call_transfers (call_id, asked_ms);
