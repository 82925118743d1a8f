-- A conflict about what was registered goes with it. Where a serial takes over several that
-- have one each, the first is theirs, and has the challengers of all.
WITH open AS (
    SELECT c.id, t.serial_id, first_value(c.id) OVER (PARTITION BY t.serial_id ORDER BY c.created_at, c.id) AS kept
    FROM unnest($1::text[], $2::uuid[]) AS t (event_id, serial_id)
    JOIN serial_conflicts AS c ON c.holder = 'registered:' || t.event_id AND c.status = 'OPEN'
), moved AS (
    UPDATE serial_conflict_challengers AS h SET conflict_id = o.kept
    FROM open AS o
    WHERE h.conflict_id = o.id AND o.id <> o.kept
), gone AS (
    DELETE FROM serial_conflicts AS c
    USING open AS o
    WHERE c.id = o.id AND o.id <> o.kept
)
UPDATE serial_conflicts AS c
SET holder = o.serial_id::text, holder_serial_id = o.serial_id, holder_event_id = NULL
FROM open AS o
WHERE c.id = o.id AND o.id = o.kept
