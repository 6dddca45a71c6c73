-- Whose turn is next on a court's lines. A trunk moves on by one call over its weight with every
-- call that it takes; one that cannot take calls falls behind nobody, and has nothing to catch up.

ALTER TABLE trunks ADD COLUMN turn BIGINT NOT NULL DEFAULT 0;
