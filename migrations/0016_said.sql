-- What the house tells people, as a code with its values: a page says it in its own language.
--
-- Rules of 0001 hold. Each column holds JSON of code, values and the sentence in English; a row from
-- before this holds the sentence alone, which is shown as it stands. So does what is wrong in
-- evidence_root_checks.verdict.

ALTER TABLE alarms RENAME COLUMN text TO said;
ALTER TABLE evidence_doubts RENAME COLUMN detail TO said;
ALTER TABLE evidence_hand_ins RENAME COLUMN last_error TO said;

-- Why the house refused an approved deletion, of which it did not sign the approval; empty where it did
-- not. What a person wrote stays in reason.
ALTER TABLE retention_requests ADD COLUMN refused TEXT NOT NULL DEFAULT '';
