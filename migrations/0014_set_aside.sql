-- What a recovery had set aside of a recording goes with it, and stands in the certificate; and an
-- approved deletion is signed by the house.
--
-- Rules of 0001 hold.

-- The pieces when the removal began: JSON list of file, bytes and SHA-256; empty when there were none.
ALTER TABLE deletion_items ADD COLUMN pieces TEXT NOT NULL DEFAULT '';

-- Signature of the house over the request, both persons and the list, JSON; empty before the approval.
ALTER TABLE retention_requests ADD COLUMN seal TEXT NOT NULL DEFAULT '';
