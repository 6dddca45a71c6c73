-- The newest keys that the house has used: a key file that lacks them is an older copy of it.
--
-- Rules of 0001 hold. One row, written anew at each start and each rotation.
CREATE TABLE newest_keys (
    id          TEXT PRIMARY KEY,              -- house
    signing_key TEXT NOT NULL,                 -- id of the public half
    probe       BYTEA NOT NULL,                -- sealed under the newest master key
    noted_ms    BIGINT NOT NULL
);
