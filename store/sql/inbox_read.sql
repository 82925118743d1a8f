SELECT event_id, outcome, announcements
FROM processed_events
WHERE event_id = ANY ($1::text[])
