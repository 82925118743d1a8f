INSERT INTO audit_events (id, event_type, status, event_id, serial_id, serial_number, part_id, site_id,
    performed_by, device_time, new_values, performed_at, old_values)
SELECT id, event_type, status, NULLIF(event_id, ''), NULLIF(serial_id, '00000000-0000-0000-0000-000000000000'),
    NULLIF(serial_number, ''), NULLIF(part_id, ''), NULLIF(site_id, ''), performed_by, device_time,
    NULLIF(new_values, '')::json, $12, NULLIF(old_values, '')::json
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::uuid[], $6::text[], $7::text[], $8::text[],
    $9::text[], $10::timestamptz[], $11::text[], $13::text[])
    AS t (id, event_type, status, event_id, serial_id, serial_number, part_id, site_id, performed_by, device_time, new_values, old_values)
