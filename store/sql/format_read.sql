-- taken is that of the counter from which most was taken: of all of them a guess is
-- likeliest there.
SELECT f.version, f.name, f.active, f.pattern, f.counter_start, f.increment, f.reset, f.counter_scope, f.updated_at,
    COALESCE((SELECT max(c.taken) FROM serial_counters AS c WHERE c.format_id = f.id), 0),
    COALESCE((SELECT sum(c.taken) FROM serial_counters AS c WHERE c.format_id = f.id), 0)::bigint
FROM serial_formats AS f
WHERE f.id = $1 AND f.deleted_at IS NULL
