-- Of conflicts that are open.
SELECT h.conflict_id, h.id, h.event_id, h.event_type, h.performed_by, h.part_id, h.serial_number, array_to_string(h.scopes, ','),
    COALESCE(h.source, ''), COALESCE(h.site_id, ''), COALESCE(h.vendor_name, ''), COALESCE(h.received_date, ''), COALESCE(h.work_order_id, ''),
    COALESCE(h.lot_number, ''), COALESCE(h.operation_code, ''), COALESCE(h.line, ''), COALESCE(h.device, ''), h.attributes,
    COALESCE(h.trigger_id, '00000000-0000-0000-0000-000000000000'), COALESCE(h.placeholder_id, '00000000-0000-0000-0000-000000000000'),
    COALESCE(h.serial_id, '00000000-0000-0000-0000-000000000000'), h.created_at
FROM serial_conflict_challengers AS h
JOIN serial_conflicts AS c ON c.id = h.conflict_id
WHERE (c.id = ANY ($1::uuid[]) OR c.canonical_number = ANY ($2::text[])) AND c.status = 'OPEN'
ORDER BY h.created_at, h.id
