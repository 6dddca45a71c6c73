-- Places outside the mainland that the court's lines are opened for: which numbers on file can
-- be dialled. Words with a blank between: hong_kong macau taiwan foreign.

ALTER TABLE courts ADD COLUMN opened TEXT NOT NULL DEFAULT '';
