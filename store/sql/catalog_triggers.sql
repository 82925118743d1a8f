SELECT id, part_id, trigger_type, operation_code, conditions, assignment_type, COALESCE(format_id, ''), batch_mode, batch_size,
    priority, is_active
FROM serial_assignment_triggers
ORDER BY part_id, priority, created_at, id
