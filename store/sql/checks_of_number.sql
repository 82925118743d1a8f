-- By the number, which is indexed.
SELECT id, scope, scope_key, serial_number, COALESCE(serial_id, '00000000-0000-0000-0000-000000000000'), part_id, status, event_id, created_at, resolved_at
FROM serial_uniqueness_checks
WHERE serial_number = $1 AND part_id = $2
ORDER BY created_at, id
LIMIT $3
