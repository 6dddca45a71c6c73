-- Telephones on the desks of the house, to which a call can be handed on.
--
-- Rules of 0001 hold. A password is shown once and kept nowhere: what is kept is what a digest
-- is judged by, sealed.

CREATE TABLE desk_phones (
    id          TEXT PRIMARY KEY,
    court_id    TEXT NOT NULL REFERENCES courts (id),
    extension   TEXT NOT NULL UNIQUE,          -- user at the registrar, which is one for all courts
    name        TEXT NOT NULL,
    owner_id    TEXT REFERENCES users (id),
    realm       TEXT NOT NULL,                 -- for which the secret was derived
    ha1s_sealed BYTEA NOT NULL,                -- JSON {md5, sha256}
    active      BIGINT NOT NULL,
    created_ms  BIGINT NOT NULL,
    changed_ms  BIGINT NOT NULL
);
CREATE INDEX desk_phones_by_court ON desk_phones (court_id);
