SELECT count(*) FILTER (WHERE online), count(*) FILTER (WHERE NOT online)
FROM devices
