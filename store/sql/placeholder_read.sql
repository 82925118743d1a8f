SELECT p.id, p.part_id, p.site_id, p.status, COALESCE(p.work_order_id, ''), COALESCE(p.lot_number, ''),
    COALESCE(p.operation_code, ''), COALESCE(p.trigger_id, '00000000-0000-0000-0000-000000000000'),
    COALESCE(p.serial_id, '00000000-0000-0000-0000-000000000000'), COALESCE(p.failure_reason, ''), COALESCE(p.notes, ''),
    p.event_id, p.created_at, p.resolved_at, COALESCE(s.serial_number, '')
FROM late_assignment_placeholders AS p
LEFT JOIN serials AS s ON s.id = p.serial_id
WHERE p.id = $1
