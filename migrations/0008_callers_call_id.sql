-- The Call-ID of a call that came in was chosen by the other end, and may hold the caller's
-- number: it is kept sealed.

ALTER TABLE inbound_calls ADD COLUMN sip_call_sealed BYTEA;
UPDATE inbound_calls SET sip_call_id = '';      -- not written any more
