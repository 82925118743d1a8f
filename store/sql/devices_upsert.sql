-- The last statement of its transaction and in the order of the key: who waits
-- for a row here holds nothing that the one who has it will ask for.
INSERT INTO devices AS d (site, line, device, online, status_at, first_seen_at, last_seen_at, events, refused)
SELECT site, line, device, online, status_at, seen_at, seen_at, events, refused
FROM unnest($1::text[], $2::text[], $3::text[], $4::boolean[], $5::timestamptz[], $6::timestamptz[], $7::bigint[], $8::bigint[])
    AS t (site, line, device, online, status_at, seen_at, events, refused)
ORDER BY site, line, device
ON CONFLICT (site, line, device) DO UPDATE
SET online = CASE WHEN excluded.status_at >= COALESCE(d.status_at, '-infinity') THEN excluded.online ELSE d.online END,
    status_at = GREATEST(d.status_at, excluded.status_at),
    first_seen_at = LEAST(d.first_seen_at, excluded.first_seen_at),
    last_seen_at = GREATEST(d.last_seen_at, excluded.last_seen_at),
    events = d.events + excluded.events,
    refused = d.refused + excluded.refused
