-- The newest first. Planned as serials_list.sql is. The place of the page before is given
-- twice: of a comparison of rows the server does not see which months it leaves out.
SELECT id, event_type, status, COALESCE(event_id, ''), COALESCE(serial_id, '00000000-0000-0000-0000-000000000000'),
    COALESCE(serial_number, ''), COALESCE(part_id, ''), COALESCE(site_id, ''), performed_by, performed_at, device_time,
    old_values, new_values
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
    AND ($11::timestamptz IS NULL OR performed_at <= $11 AND (performed_at, id) < ($11, $12::uuid))
ORDER BY performed_at DESC, id DESC
LIMIT $13
