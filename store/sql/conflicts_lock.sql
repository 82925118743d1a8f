-- Until the batch ends nobody can join them.
SELECT id, status, COALESCE(holder_serial_id, '00000000-0000-0000-0000-000000000000'), COALESCE(holder_event_id, ''), holder_part_id,
    serial_number, canonical_number, created_at, COALESCE(resolution, ''), COALESCE(reason, ''), COALESCE(resolved_by, ''),
    COALESCE(resolved_event_id, ''), resolved_at
FROM serial_conflicts
WHERE id = ANY ($1::uuid[]) OR canonical_number = ANY ($2::text[])
ORDER BY id
FOR UPDATE
