SELECT c.id, c.status, COALESCE(c.holder_serial_id, '00000000-0000-0000-0000-000000000000'), COALESCE(c.holder_event_id, ''), c.holder_part_id,
    c.serial_number, c.canonical_number, c.created_at, COALESCE(c.resolution, ''), COALESCE(c.reason, ''), COALESCE(c.resolved_by, ''),
    COALESCE(c.resolved_event_id, ''), c.resolved_at
FROM serial_conflicts AS c
WHERE c.canonical_number = $1
    AND (c.holder_part_id = $2 OR EXISTS (SELECT FROM serial_conflict_challengers AS h WHERE h.conflict_id = c.id AND h.part_id = $2))
ORDER BY c.created_at, c.id
