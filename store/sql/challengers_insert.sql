-- Each joins the conflict that is open. If that was resolved meanwhile there is none, which
-- the column's NOT NULL tells: then the batch is run again.
INSERT INTO serial_conflict_challengers (id, conflict_id, event_id, event_type, performed_by, part_id, serial_number, scopes, source,
    site_id, vendor_name, received_date, work_order_id, lot_number, operation_code, line, device, attributes,
    trigger_id, placeholder_id, created_at)
SELECT t.id,
    (SELECT c.id FROM serial_conflicts AS c WHERE c.holder = t.holder AND c.status = 'OPEN' FOR SHARE),
    t.event_id, t.event_type, t.performed_by, t.part_id, t.serial_number, string_to_array(t.scopes, ','), NULLIF(t.source, ''),
    NULLIF(t.site_id, ''), NULLIF(t.vendor_name, ''), NULLIF(t.received_date, ''), NULLIF(t.work_order_id, ''), NULLIF(t.lot_number, ''),
    NULLIF(t.operation_code, ''), NULLIF(t.line, ''), NULLIF(t.device, ''), NULLIF(t.attributes, '')::jsonb,
    NULLIF(t.trigger_id, '00000000-0000-0000-0000-000000000000'), NULLIF(t.placeholder_id, '00000000-0000-0000-0000-000000000000'), $21
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
        $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[], $17::text[], $18::text[],
        $19::uuid[], $20::uuid[])
    AS t (id, holder, event_id, event_type, performed_by, part_id, serial_number, scopes, source,
        site_id, vendor_name, received_date, work_order_id, lot_number, operation_code, line, device, attributes,
        trigger_id, placeholder_id)
