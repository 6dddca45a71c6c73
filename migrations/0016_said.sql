-- What the house tells people, as a code with its values: a page says it in its own language.
--
-- Rules of 0001 hold. Each column holds JSON of code, values and the sentence in English; a row from
-- before this holds the sentence alone, which is shown as it stands.

ALTER TABLE alarms RENAME COLUMN text TO said;
ALTER TABLE evidence_doubts RENAME COLUMN detail TO said;
ALTER TABLE evidence_hand_ins RENAME COLUMN last_error TO said;
