-- No further than to $3. Planned as serials_list.sql is.
SELECT count(*)::int
FROM (
    SELECT
    FROM dead_letters
    WHERE ($1::text = '' OR reason = $1)
        AND ($2::boolean OR replayed_at IS NULL)
    LIMIT $3) AS found
