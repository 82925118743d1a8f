-- No further than to $2. Planned as serials_list.sql is.
SELECT count(*)::int
FROM (
    SELECT
    FROM devices
    WHERE $1::text = '' OR site = $1
    LIMIT $2) AS found
