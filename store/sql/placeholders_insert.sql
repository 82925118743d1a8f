INSERT INTO late_assignment_placeholders (id, part_id, site_id, status, work_order_id, operation_code, lot_number,
    serial_id, failure_reason, notes, trigger_id, event_id, created_at, resolved_at)
SELECT id, part_id, site_id, status, NULLIF(work_order_id, ''), NULLIF(operation_code, ''), NULLIF(lot_number, ''),
    NULLIF(serial_id, '00000000-0000-0000-0000-000000000000'), NULLIF(failure_reason, ''), NULLIF(notes, ''),
    NULLIF(trigger_id, '00000000-0000-0000-0000-000000000000'), event_id, $13,
    CASE WHEN status <> 'PENDING' THEN $13::timestamptz END
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::uuid[], $9::text[],
    $10::text[], $11::uuid[], $12::text[])
    AS t (id, part_id, site_id, status, work_order_id, operation_code, lot_number, serial_id, failure_reason, notes,
        trigger_id, event_id)
