-- audit_events has no index on event_id. What is audited of an event has the time at which
-- it was processed, to the microsecond: that leaves one partition, and a few pages by BRIN.
SELECT e.event_type, e.site, e.line, e.device, e.part_id, r.request
FROM processed_events AS e
LEFT JOIN LATERAL (
    SELECT a.new_values -> 'request' AS request
    FROM audit_events AS a
    WHERE a.performed_at = e.processed_at AND a.event_id = e.event_id AND a.new_values -> 'request' IS NOT NULL
    LIMIT 1) AS r ON true
WHERE e.event_id = $1
