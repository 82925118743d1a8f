-- Planned as serials_list.sql is.
SELECT id, version, name, active, pattern, counter_start, increment, reset, counter_scope, created_at, updated_at
FROM serial_formats
WHERE deleted_at IS NULL
    AND ($1::text = '' OR id > $1)
ORDER BY id
LIMIT $2
