-- Planned for its very parameters (see DB.readPlanned): what is not asked for is no part of
-- the plan, and what is finds its index. Of one source, that is of one partition: over all
-- of them the server would go through one that has no such serial from end to end.
SELECT id, serial_number, part_id, site_id, source, status, COALESCE(format_id, ''), COALESCE(format_version, 0),
    COALESCE(trigger_id, '00000000-0000-0000-0000-000000000000'), COALESCE(work_order_id, ''), COALESCE(lot_number, ''),
    COALESCE(operation_code, ''), COALESCE(vendor_name, ''), COALESCE(to_char(received_date, 'YYYY-MM-DD'), ''),
    COALESCE(internal_serial_id, '00000000-0000-0000-0000-000000000000'), COALESCE(rejection_reason, ''),
    COALESCE(retirement_reason, ''), COALESCE(line, ''), COALESCE(device, ''), attributes, event_id, created_at, updated_at
FROM serials
WHERE source = $1
    AND ($2::text = '' OR serial_number = $2)
    AND ($3::text = '' OR part_id = $3)
    AND ($4::text = '' OR status = $4)
    AND ($5::text = '' OR work_order_id = $5)
    AND ($6::text = '' OR lot_number = $6)
    AND ($7::text = '' OR operation_code = $7)
    AND ($8::text = '' OR device = $8)
    AND ($9::text = '' OR lower(vendor_name) = lower($9))
    AND ($10::jsonb[] IS NULL OR attributes @> ANY ($10))
    AND ($11::timestamptz IS NULL OR created_at >= $11)
    AND ($12::timestamptz IS NULL OR created_at < $12)
    AND ($13::uuid IS NULL OR id < $13)
ORDER BY id DESC
LIMIT $14
