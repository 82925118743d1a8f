SELECT id, part_id, trigger_type, operation_code, conditions, assignment_type, COALESCE(format_id, ''), batch_mode, batch_size
FROM serial_assignment_triggers
WHERE is_active
ORDER BY part_id, priority, created_at, id
