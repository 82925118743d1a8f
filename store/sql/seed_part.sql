INSERT INTO parts (id, name, part_type, gtin, default_format_id)
VALUES ($1, $2, $3, NULLIF($4, ''), $5)
ON CONFLICT (id) DO NOTHING
