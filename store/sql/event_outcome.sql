SELECT outcome
FROM processed_events
WHERE event_id = $1
