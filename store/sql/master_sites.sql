-- One, or those whose ids come after another. Planned as serials_list.sql is.
SELECT id, name, time_zone, created_at, updated_at
FROM sites
WHERE ($1::text IS NULL OR id = $1)
    AND ($2::text = '' OR id > $2)
ORDER BY id
LIMIT $3
