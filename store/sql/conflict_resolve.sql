-- The row is locked by conflicts_lock.sql.
UPDATE serial_conflicts
SET status = 'RESOLVED', resolution = $2, reason = $3, resolved_by = $4, resolved_event_id = $5, resolved_at = $6
WHERE id = $1
