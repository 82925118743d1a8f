INSERT INTO audit_events (id, event_type, status, performed_by, performed_at, new_values)
VALUES ($1, 'CONFIG_CHANGED', 'SUCCESS', $2, now(), $3)
