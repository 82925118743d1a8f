SELECT id, reason, detail, origin, COALESCE(event_id, ''), payload, size, headers, received_at, replayed_at
FROM dead_letters
WHERE id = $1
