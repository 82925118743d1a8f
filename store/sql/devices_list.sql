-- Planned as serials_list.sql is.
SELECT site, line, device, online, status_at, last_seen_at, events, refused
FROM devices
WHERE ($1::text = '' OR site = $1)
    AND ($2::text = '' OR (site, line, device) > ($2, $3::text, $4::text))
ORDER BY site, line, device
LIMIT $5
