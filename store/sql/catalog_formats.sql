SELECT id, version, name, pattern, counter_start, increment, reset, counter_scope, active, permutation_key
FROM serial_formats
WHERE deleted_at IS NULL
