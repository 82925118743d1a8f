INSERT INTO sites (id, name, time_zone)
VALUES ($1, $2, $3)
ON CONFLICT (id) DO UPDATE SET name = excluded.name, time_zone = excluded.time_zone, updated_at = $4
