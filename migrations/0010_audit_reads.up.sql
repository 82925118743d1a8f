-- The audit is read newest first, a page at a time: its key has that order, and costs what it
-- did. Its ids are looked for by nobody alone.
ALTER TABLE audit_events DROP CONSTRAINT audit_events_pkey, ADD CONSTRAINT audit_events_pkey PRIMARY KEY (performed_at, id);
-- GET …/audit/events?partId=. Without the id, so that what a batch writes of a part is one entry.
CREATE INDEX idx_audit_events_part_time ON audit_events (part_id, performed_at DESC) WHERE part_id IS NOT NULL;
-- GET …/audit/events?status=FAILED: what failed is rare.
CREATE INDEX idx_audit_events_failed ON audit_events (performed_at, id) WHERE status = 'FAILED';
