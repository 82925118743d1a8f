-- In the order of the key, which is that of time.
SELECT id, scope, scope_key, canonical_number, serial_number, COALESCE(serial_id, '00000000-0000-0000-0000-000000000000'), part_id, event_id
FROM serial_uniqueness_checks
WHERE status = 'CLAIMED' AND id < $1
ORDER BY id DESC
LIMIT $2
