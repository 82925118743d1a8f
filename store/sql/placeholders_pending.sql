-- In the order in which they get their numbers. Planned as serials_list.sql is.
SELECT id, part_id, site_id, status, COALESCE(work_order_id, ''), COALESCE(lot_number, ''),
    COALESCE(operation_code, ''), COALESCE(trigger_id, '00000000-0000-0000-0000-000000000000'), COALESCE(notes, ''),
    event_id, created_at
FROM late_assignment_placeholders
WHERE status = 'PENDING'
    AND ($1::text = '' OR part_id = $1)
    AND ($2::text = '' OR work_order_id = $2)
    AND ($3::text = '' OR lot_number = $3)
    AND ($4::timestamptz IS NULL OR (created_at, id) > ($4, $5::uuid))
ORDER BY created_at, id
LIMIT $6
