-- What the audit has an index for, of what it has none for.
SELECT (SELECT serial_number FROM serials WHERE id = $1), (SELECT processed_at FROM processed_events WHERE event_id = $2)
