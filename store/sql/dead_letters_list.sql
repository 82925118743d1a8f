SELECT id, reason, detail, origin, COALESCE(event_id, ''), octet_length(payload), size, received_at, replayed_at
FROM dead_letters
WHERE ($1::text = '' OR reason = $1)
    AND ($2::boolean OR replayed_at IS NULL)
ORDER BY received_at DESC, id DESC
LIMIT $3
