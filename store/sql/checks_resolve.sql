UPDATE serial_uniqueness_checks
SET status = 'RESOLVED', resolved_at = $2
WHERE status = 'CONFLICT' AND conflict_id IN (SELECT id FROM serial_conflict_challengers WHERE conflict_id = $1)
