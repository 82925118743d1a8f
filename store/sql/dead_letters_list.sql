-- Planned as serials_list.sql is.
SELECT id, reason, detail, origin, COALESCE(event_id, ''), octet_length(payload), size, received_at, replayed_at
FROM dead_letters
WHERE ($1::text = '' OR reason = $1)
    AND ($2::boolean OR replayed_at IS NULL)
    AND ($3::timestamptz IS NULL OR (received_at, id) < ($3, $4::uuid))
ORDER BY received_at DESC, id DESC
LIMIT $5
