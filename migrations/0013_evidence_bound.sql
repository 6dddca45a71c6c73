-- What a call belongs to and what was corrected stand in the register of evidence, files are taken
-- away outside of any transaction, and two persons end a deletion that was approved.
--
-- Rules of 0001 hold. Rows of evidence_calls are only ever added.

-- The text whose hashes the register has of a call: its task, case and party as they were when it
-- was entered. Whoever moves the call to another task leaves this behind.
CREATE TABLE evidence_calls (
    file_id     TEXT PRIMARY KEY REFERENCES evidence_files (id),
    body        TEXT NOT NULL
);

-- What was there before the register knew its kind was entered once: calls, corrections and
-- transcripts, by name.
CREATE TABLE evidence_taken_in (
    name        TEXT PRIMARY KEY,
    taken_ms    BIGINT NOT NULL
);

-- Until when a removal that has begun may take; a hold waits for it.
ALTER TABLE deletion_items ADD COLUMN until_ms BIGINT;

-- The end of an approved deletion: who asked for it, and why. Another person decides it.
ALTER TABLE retention_requests ADD COLUMN ending_by TEXT;
ALTER TABLE retention_requests ADD COLUMN ending_name TEXT;
ALTER TABLE retention_requests ADD COLUMN ending_ms BIGINT;
ALTER TABLE retention_requests ADD COLUMN ending_reason TEXT NOT NULL DEFAULT '';
ALTER TABLE retention_requests ADD COLUMN ended_by TEXT;
ALTER TABLE retention_requests ADD COLUMN ended_name TEXT;
