INSERT INTO parts (id, name, part_type, default_format_id)
VALUES ($1, $2, $3, $4)
ON CONFLICT (id) DO NOTHING
