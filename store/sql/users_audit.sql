INSERT INTO audit_events (id, event_type, status, performed_by, performed_at, old_values, new_values)
VALUES ($1, 'CONFIG_CHANGED', 'SUCCESS', $2, now(), $3, $4)
