INSERT INTO serial_assignment_triggers (id, part_id, trigger_type, operation_code, assignment_type)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT DO NOTHING
