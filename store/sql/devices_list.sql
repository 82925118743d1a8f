SELECT site, line, device, online, status_at, last_seen_at, events, refused
FROM devices
WHERE $1::text = '' OR site = $1
ORDER BY site, line, device
LIMIT $2
OFFSET $3
