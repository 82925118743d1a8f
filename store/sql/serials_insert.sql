INSERT INTO serials (id, serial_number, part_id, site_id, source, status, format_id, format_version, trigger_id,
    work_order_id, lot_number, operation_code, vendor_name, received_date, event_id, created_at, updated_at,
    line, device, attributes, internal_serial_id, rejection_reason, retirement_reason)
SELECT id, serial_number, part_id, site_id, source, status, NULLIF(format_id, ''), NULLIF(format_version, 0),
    NULLIF(trigger_id, '00000000-0000-0000-0000-000000000000'), NULLIF(work_order_id, ''), NULLIF(lot_number, ''),
    NULLIF(operation_code, ''), NULLIF(vendor_name, ''), NULLIF(received_date, '')::date, event_id, $16, $16,
    NULLIF(line, ''), NULLIF(device, ''), NULLIF(attributes, '')::jsonb,
    NULLIF(internal_serial_id, '00000000-0000-0000-0000-000000000000'), NULLIF(rejection_reason, ''), NULLIF(retirement_reason, '')
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::int[], $9::uuid[],
    $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $17::text[], $18::text[], $19::text[],
    $20::uuid[], $21::text[], $22::text[])
    AS t (id, serial_number, part_id, site_id, source, status, format_id, format_version, trigger_id,
        work_order_id, lot_number, operation_code, vendor_name, received_date, event_id, line, device, attributes,
        internal_serial_id, rejection_reason, retirement_reason)
