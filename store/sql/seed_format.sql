INSERT INTO serial_formats (id, name, pattern, reset, counter_scope)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (id) DO NOTHING
