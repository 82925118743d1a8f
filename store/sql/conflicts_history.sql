-- What was resolved last comes first. Planned as serials_list.sql is.
SELECT c.id, c.status, COALESCE(c.holder_serial_id, '00000000-0000-0000-0000-000000000000'), COALESCE(c.holder_event_id, ''), c.holder_part_id,
    c.serial_number, c.canonical_number, c.created_at, COALESCE(c.resolution, ''), COALESCE(c.reason, ''), COALESCE(c.resolved_by, ''),
    COALESCE(c.resolved_event_id, ''), c.resolved_at
FROM serial_conflicts AS c
WHERE c.status = 'RESOLVED'
    AND ($1::text = '' OR c.holder_part_id = $1
        OR EXISTS (SELECT FROM serial_conflict_challengers AS h WHERE h.conflict_id = c.id AND h.part_id = $1))
    AND ($2::timestamptz IS NULL OR (c.resolved_at, c.id) < ($2, $3::uuid))
ORDER BY c.resolved_at DESC, c.id DESC
LIMIT $4
