INSERT INTO sites (id, name, time_zone)
VALUES ($1, $2, $3)
ON CONFLICT (id) DO NOTHING
