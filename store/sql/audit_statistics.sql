-- By the days of UTC. Planned as serials_list.sql is.
SELECT event_type, status, (performed_at AT TIME ZONE 'UTC')::date, count(*)
FROM audit_events
WHERE ($1::text = '' OR part_id = $1)
    AND ($2::text = '' OR serial_number = $2)
    AND ($3::text = '' OR event_type = $3)
    AND ($4::text = '' OR performed_by = $4)
    AND ($5::text = '' OR status = $5)
    AND ($6::text = '' OR event_id = $6)
    AND ($7::uuid IS NULL OR serial_id = $7)
    AND ($8::text = '' OR site_id = $8)
    AND ($9::timestamptz IS NULL OR performed_at >= $9)
    AND ($10::timestamptz IS NULL OR performed_at < $10)
GROUP BY 1, 2, 3
