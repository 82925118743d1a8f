-- Planned for its very parameters (see DB.readPlanned): what is not asked for is no part of
-- the plan, and what is finds its index. Of one source: over all of them the server would go
-- through one that has no such serial from end to end. The source's own table is read, in
-- whose place bySource puts those of the others: a plan for the parent costs a third more.
SELECT id, serial_number, part_id, site_id, source, status, COALESCE(format_id, ''), COALESCE(format_version, 0),
    COALESCE(trigger_id, '00000000-0000-0000-0000-000000000000'), COALESCE(work_order_id, ''), COALESCE(lot_number, ''),
    COALESCE(operation_code, ''), COALESCE(vendor_name, ''), COALESCE(to_char(received_date, 'YYYY-MM-DD'), ''),
    COALESCE(internal_serial_id, '00000000-0000-0000-0000-000000000000'), COALESCE(rejection_reason, ''),
    COALESCE(retirement_reason, ''), COALESCE(line, ''), COALESCE(device, ''), attributes, event_id, created_at, updated_at
FROM system_generated_serials
WHERE ($1::text = '' OR serial_number = $1)
    AND ($2::text = '' OR part_id = $2)
    AND ($3::text = '' OR status = $3)
    AND ($4::text = '' OR work_order_id = $4)
    AND ($5::text = '' OR lot_number = $5)
    AND ($6::text = '' OR operation_code = $6)
    AND ($7::text = '' OR device = $7)
    AND ($8::text = '' OR lower(vendor_name) = lower($8))
    AND ($9::jsonb[] IS NULL OR attributes @> ANY ($9))
    AND ($10::timestamptz IS NULL OR created_at >= $10)
    AND ($11::timestamptz IS NULL OR created_at < $11)
    AND ($12::uuid IS NULL OR id < $12)
ORDER BY id DESC
LIMIT $13
