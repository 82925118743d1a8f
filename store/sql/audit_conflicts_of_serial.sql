-- Neither the holder nor who got the number has an index: its number as compared has, which
-- is that of the claims and challenges that have it as it is written. The newest first.
-- Planned as serials_list.sql is.
SELECT c.id, c.status, COALESCE(c.holder_serial_id, '00000000-0000-0000-0000-000000000000'), COALESCE(c.holder_event_id, ''), c.holder_part_id,
    c.serial_number, c.canonical_number, c.created_at, COALESCE(c.resolution, ''), COALESCE(c.reason, ''), COALESCE(c.resolved_by, ''),
    COALESCE(c.resolved_event_id, ''), c.resolved_at
FROM serial_conflicts AS c
WHERE c.canonical_number = ANY (ARRAY(SELECT DISTINCT u.canonical_number FROM serial_uniqueness_checks AS u WHERE u.serial_number = $2))
    AND (c.holder_serial_id = $1
        OR EXISTS (SELECT FROM serial_conflict_challengers AS h WHERE h.conflict_id = c.id AND h.serial_id = $1))
ORDER BY c.created_at DESC, c.id DESC
LIMIT $3
