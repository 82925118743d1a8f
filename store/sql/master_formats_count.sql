SELECT count(*)::int
FROM (SELECT FROM serial_formats WHERE deleted_at IS NULL LIMIT $1) AS found
