-- Day roots at a notary (司法链): what it answered, and what still waits for it.
--
-- Rules of 0001 hold. Rows of evidence_notary_receipts are only ever added. Each is a file of the
-- register too, so that the root of a later day holds it.
CREATE TABLE evidence_notary_receipts (
    court_id    TEXT NOT NULL REFERENCES courts (id),
    day         TEXT NOT NULL,
    file_id     TEXT NOT NULL UNIQUE,          -- as which it stands in evidence_files
    number      TEXT NOT NULL,                 -- 存证编号
    body        TEXT NOT NULL,                 -- the receipt, with the notary's signature
    kept_ms     BIGINT NOT NULL,
    PRIMARY KEY (court_id, day)
);

-- How the hand-in of a root went so far. A root without a receipt waits, with a row here or without.
CREATE TABLE evidence_hand_ins (
    court_id    TEXT NOT NULL,
    day         TEXT NOT NULL,
    tries       BIGINT NOT NULL,
    next_ms     BIGINT NOT NULL,               -- not tried before
    refused     BIGINT NOT NULL,               -- 1: a receipt came, and proved nothing of this root
    last_error  TEXT NOT NULL,
    PRIMARY KEY (court_id, day)
);
