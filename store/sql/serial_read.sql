SELECT id, serial_number, part_id, site_id, source, status, COALESCE(format_id, ''), COALESCE(format_version, 0),
    COALESCE(trigger_id, '00000000-0000-0000-0000-000000000000'), COALESCE(work_order_id, ''), COALESCE(lot_number, ''),
    COALESCE(operation_code, ''), COALESCE(vendor_name, ''), COALESCE(to_char(received_date, 'YYYY-MM-DD'), ''),
    COALESCE(internal_serial_id, '00000000-0000-0000-0000-000000000000'), COALESCE(rejection_reason, ''),
    COALESCE(retirement_reason, ''), COALESCE(line, ''), COALESCE(device, ''), attributes, event_id, created_at, updated_at
FROM serials
WHERE id = $1
