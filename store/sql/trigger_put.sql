INSERT INTO serial_assignment_triggers (id, part_id, trigger_type, operation_code, conditions, assignment_type, format_id,
    batch_mode, batch_size, priority, is_active, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, NULLIF($7, ''), $8, $9, $10, $11, $12, $12)
ON CONFLICT (id) DO UPDATE SET part_id = excluded.part_id, trigger_type = excluded.trigger_type, operation_code = excluded.operation_code,
    conditions = excluded.conditions, assignment_type = excluded.assignment_type, format_id = excluded.format_id,
    batch_mode = excluded.batch_mode, batch_size = excluded.batch_size, priority = excluded.priority, is_active = excluded.is_active,
    updated_at = excluded.updated_at
