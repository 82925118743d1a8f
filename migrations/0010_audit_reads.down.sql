DROP INDEX idx_audit_events_failed;
DROP INDEX idx_audit_events_part_time;
ALTER TABLE audit_events DROP CONSTRAINT audit_events_pkey, ADD CONSTRAINT audit_events_pkey PRIMARY KEY (id, performed_at);
