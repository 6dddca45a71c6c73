-- A third of the house in a live call, and who may see that a supervisor listens.
--
-- Rules of 0001 hold. A row of `call_transfers` may now be `three_way` by its mode, `joined` by
-- its state while all three talk, and `left` when the third is in the call no more and the agent
-- goes on alone. What a supervisor did stands in the marks of the call and in the audit.

ALTER TABLE call_transfers ADD COLUMN joined_ms BIGINT;       -- all three talked from here on
-- spoken: agents see whispering and barging in, which they hear. always: listening too.
ALTER TABLE court_settings ADD COLUMN supervision_shown TEXT NOT NULL DEFAULT 'spoken';
