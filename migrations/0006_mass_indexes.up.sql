-- A serial that is made writes four tables and was in eighteen indexes. Those by time are as
-- good as BRIN: rows come in its order. Nearly all audit events are SERIAL_GENERATED, which
-- idx_audit_events_type_time finds as well.
DROP INDEX idx_audit_events_performed_at;
CREATE INDEX idx_audit_events_performed_at ON audit_events USING brin (performed_at);
DROP INDEX idx_audit_events_event_type;
CREATE INDEX idx_audit_events_event_type ON audit_events (event_type) WHERE event_type <> 'SERIAL_GENERATED';
DROP INDEX idx_system_generated_serials_created_at;
CREATE INDEX idx_system_generated_serials_created_at ON system_generated_serials USING brin (created_at);
