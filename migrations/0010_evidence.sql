-- Evidence and how long it is kept: the register of evidence files, day roots, what waits for
-- examination, legal holds, periods, deletions with their certificates.
--
-- Rules of 0001 hold. Rows of evidence_files, evidence_leaves, evidence_roots,
-- evidence_root_copies, retention_policies, deletions and deletion_certificates are only ever
-- added.

-- Alarms that name a case are of one court; the others are the house's and every court's.
ALTER TABLE alarms ADD COLUMN court_id TEXT NOT NULL DEFAULT '';

-- Every evidence file, entered in the transaction that made it, with both hashes of its clear
-- content. Nothing is ever hashed again: what differs from this row is what is wrong.
CREATE TABLE evidence_files (
    id          TEXT PRIMARY KEY,              -- recording, object, or T and the call of a transcript
    court_id    TEXT NOT NULL,
    kind        TEXT NOT NULL,                 -- recording transcript, or the kind of an object
    owner_id    TEXT NOT NULL,                 -- call of a recording or transcript; empty for objects
    sha256      TEXT NOT NULL,
    sm3         TEXT NOT NULL,
    size        BIGINT NOT NULL,
    booked_ms   BIGINT NOT NULL
);
CREATE INDEX evidence_files_by_court ON evidence_files (court_id, booked_ms, id);
CREATE INDEX evidence_files_by_owner ON evidence_files (owner_id);
CREATE INDEX reports_by_object ON reports (object_id);
CREATE INDEX documents_by_object ON documents (object_id);
CREATE INDEX orders_by_body ON orders (body_object);

INSERT INTO evidence_files (id, court_id, kind, owner_id, sha256, sm3, size, booked_ms)
SELECT id, court_id, kind, '', sha256, sm3, size, created_ms FROM objects;
INSERT INTO evidence_files (id, court_id, kind, owner_id, sha256, sm3, size, booked_ms)
SELECT id, court_id, 'recording', call_id, sha256, sm3, bytes, COALESCE(closed_ms, started_ms)
FROM recordings WHERE sha256 <> '';
INSERT INTO evidence_files (id, court_id, kind, owner_id, sha256, sm3, size, booked_ms)
SELECT id, court_id, 'recording', inbound_id, sha256, sm3, bytes, COALESCE(closed_ms, started_ms)
FROM inbound_recordings WHERE sha256 <> '';

-- The Merkle root of a court's day, chained to the day before and signed.
CREATE TABLE evidence_roots (
    court_id    TEXT NOT NULL REFERENCES courts (id),
    day         TEXT NOT NULL,                 -- 2026-11-27, the court's date
    files       BIGINT NOT NULL,
    root        TEXT NOT NULL,
    body        TEXT NOT NULL,                 -- what is signed, with its signature, as it also lies beside the vault
    made_ms     BIGINT NOT NULL,
    PRIMARY KEY (court_id, day)
);

-- Roots whose second copy was written. Where it is missing from then on, somebody took it.
CREATE TABLE evidence_root_copies (
    court_id    TEXT NOT NULL,
    day         TEXT NOT NULL,
    copied_ms   BIGINT NOT NULL,
    PRIMARY KEY (court_id, day)
);

-- Which leaf of which root a file is.
CREATE TABLE evidence_leaves (
    file_id     TEXT PRIMARY KEY REFERENCES evidence_files (id),
    court_id    TEXT NOT NULL,
    day         TEXT NOT NULL,
    leaf_no     BIGINT NOT NULL,
    UNIQUE (court_id, day, leaf_no)
);

-- The last look at a file, and at a root. A file that is new stands here from the beginning: by
-- this table the house goes round.
CREATE TABLE evidence_checks (
    file_id     TEXT PRIMARY KEY REFERENCES evidence_files (id),
    checked_ms  BIGINT NOT NULL,
    verdict     TEXT NOT NULL,                 -- new intact missing altered deleted unread
    failures    BIGINT NOT NULL DEFAULT 0      -- looks in a row in which it could not be read
);
CREATE INDEX evidence_checks_by_age ON evidence_checks (checked_ms, file_id);
INSERT INTO evidence_checks (file_id, checked_ms, verdict) SELECT id, 0, 'new' FROM evidence_files;
CREATE TABLE evidence_root_checks (
    court_id    TEXT NOT NULL,
    day         TEXT NOT NULL,
    checked_ms  BIGINT NOT NULL,
    verdict     TEXT NOT NULL,                 -- intact, or what is wrong
    PRIMARY KEY (court_id, day)
);

-- 待核查: what failed a check, until a person clears it with a reason.
CREATE TABLE evidence_doubts (
    id          TEXT PRIMARY KEY,
    court_id    TEXT NOT NULL,
    object_id   TEXT NOT NULL,                 -- file, or root:DAY
    open_object TEXT UNIQUE,                   -- court:object while it is open
    verdict     TEXT NOT NULL,                 -- missing altered root
    detail      TEXT NOT NULL,
    found_ms    BIGINT NOT NULL,
    found_by    TEXT NOT NULL,                 -- system, operator or a user id
    was         TEXT NOT NULL DEFAULT '',      -- state of the recording before
    cleared_ms  BIGINT,
    cleared_by  TEXT,
    cleared_name TEXT,
    reason      TEXT NOT NULL DEFAULT ''
);
CREATE INDEX evidence_doubts_by_court ON evidence_doubts (court_id, found_ms);

-- 保全: nothing of this case is deleted, whatever was decided before.
CREATE TABLE legal_holds (
    id          TEXT PRIMARY KEY,
    court_id    TEXT NOT NULL,
    case_id     TEXT NOT NULL REFERENCES cases (id),
    active_case TEXT UNIQUE,                   -- case id until it is lifted
    reason      TEXT NOT NULL,
    set_by      TEXT NOT NULL,
    set_name    TEXT NOT NULL,
    set_ms      BIGINT NOT NULL,
    lifted_by   TEXT,
    lifted_name TEXT,
    lifted_ms   BIGINT,
    lift_reason TEXT NOT NULL DEFAULT ''
);
CREATE INDEX legal_holds_by_case ON legal_holds (case_id, set_ms);

-- How long each class is kept. No row: the defaults of the house.
CREATE TABLE retention_policies (
    court_id    TEXT NOT NULL REFERENCES courts (id),
    version     BIGINT NOT NULL,
    periods     TEXT NOT NULL,                 -- JSON {class: days}
    valid_from_ms BIGINT NOT NULL,
    asked_by    TEXT NOT NULL,                 -- names
    approved_by TEXT NOT NULL,
    asked_id    TEXT NOT NULL,                 -- users
    approved_id TEXT NOT NULL,
    PRIMARY KEY (court_id, version),
    CHECK (asked_id <> approved_id)
);

-- What one person asks for and another approves: other periods, or a deletion.
CREATE TABLE retention_requests (
    id          TEXT PRIMARY KEY,
    court_id    TEXT NOT NULL REFERENCES courts (id),
    kind        TEXT NOT NULL,                 -- policy deletion
    live        TEXT UNIQUE,                   -- court:kind until it is over: one at a time
    body        TEXT NOT NULL,                 -- JSON: the periods, or the totals
    policy_version BIGINT NOT NULL,
    state       TEXT NOT NULL,                 -- waiting refused withdrawn approved done
    asked_by    TEXT NOT NULL,
    asked_name  TEXT NOT NULL,
    asked_ms    BIGINT NOT NULL,
    decided_by  TEXT,
    decided_name TEXT,
    decided_ms  BIGINT,
    reason      TEXT NOT NULL DEFAULT '',
    done_ms     BIGINT,
    -- Two persons: whoever asked approves nothing.
    CHECK (state NOT IN ('approved', 'done') OR (decided_by IS NOT NULL AND decided_by <> asked_by))
);
CREATE INDEX retention_requests_by_court ON retention_requests (court_id, asked_ms);

-- The files of a deletion, as they were shown to both persons.
CREATE TABLE deletion_items (
    request_id  TEXT NOT NULL REFERENCES retention_requests (id),
    file_id     TEXT NOT NULL REFERENCES evidence_files (id),
    class       TEXT NOT NULL,
    kind        TEXT NOT NULL,
    case_id     TEXT NOT NULL,
    task_id     TEXT NOT NULL,
    size        BIGINT NOT NULL,
    due_ms      BIGINT NOT NULL,
    state       TEXT NOT NULL,                 -- waiting deleting deleted kept failed
    why         TEXT NOT NULL DEFAULT '',      -- why it was kept
    done_ms     BIGINT,
    PRIMARY KEY (request_id, file_id)
);
CREATE INDEX deletion_items_by_file ON deletion_items (file_id, state);

-- Files that are gone by decision. Their rows in evidence_files and evidence_leaves stay.
CREATE TABLE deletions (
    file_id     TEXT PRIMARY KEY REFERENCES evidence_files (id),
    court_id    TEXT NOT NULL,
    request_id  TEXT NOT NULL REFERENCES retention_requests (id),
    deleted_ms  BIGINT NOT NULL
);

CREATE TABLE deletion_certificates (
    id          TEXT PRIMARY KEY,
    court_id    TEXT NOT NULL REFERENCES courts (id),
    request_id  TEXT NOT NULL UNIQUE REFERENCES retention_requests (id),
    object_id   TEXT NOT NULL REFERENCES objects (id),
    files       BIGINT NOT NULL,
    bytes       BIGINT NOT NULL,
    root        TEXT NOT NULL,                 -- Merkle root of the list
    created_ms  BIGINT NOT NULL
);
