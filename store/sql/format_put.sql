INSERT INTO serial_formats (id, name, pattern, counter_start, increment, reset, counter_scope, active)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (id) DO UPDATE SET name = excluded.name, pattern = excluded.pattern, counter_start = excluded.counter_start,
    increment = excluded.increment, reset = excluded.reset, counter_scope = excluded.counter_scope, active = excluded.active,
    deleted_at = NULL, updated_at = $9
