DROP INDEX idx_audit_events_performed_at;
CREATE INDEX idx_audit_events_performed_at ON audit_events (performed_at DESC);
DROP INDEX idx_audit_events_event_type;
CREATE INDEX idx_audit_events_event_type ON audit_events (event_type);
DROP INDEX idx_system_generated_serials_created_at;
CREATE INDEX idx_system_generated_serials_created_at ON system_generated_serials (created_at DESC);
