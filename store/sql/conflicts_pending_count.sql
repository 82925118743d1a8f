-- No further than to $2. Planned as serials_list.sql is.
SELECT count(*)::int
FROM (
    SELECT
    FROM serial_conflicts AS c
    WHERE c.status = 'OPEN'
        AND ($1::text = '' OR c.holder_part_id = $1
            OR EXISTS (SELECT FROM serial_conflict_challengers AS h WHERE h.conflict_id = c.id AND h.part_id = $1))
    LIMIT $2) AS found
