-- No further than to $4. Planned as serials_list.sql is.
SELECT count(*)::int
FROM (
    SELECT
    FROM serial_propagations AS p
    JOIN serials AS s ON s.id = p.serial_id
    WHERE s.part_id = $1
        AND ($2::text = '' OR p.operation_code = $2)
        AND ($3::text = '' OR p.propagation_type = $3)
    LIMIT $4) AS found
