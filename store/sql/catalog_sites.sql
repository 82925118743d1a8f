SELECT id, name, time_zone
FROM sites
