-- Oldest first: a replay keeps the order of arrival.
SELECT id
FROM dead_letters
WHERE reason = $1
    AND replayed_at IS NULL
ORDER BY received_at, id
LIMIT $2
