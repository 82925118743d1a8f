-- No further than to $2. Planned as serials_list.sql is.
SELECT count(*)::int
FROM (
    SELECT
    FROM parts
    WHERE $1::text = '' OR part_type = $1
    LIMIT $2) AS found
