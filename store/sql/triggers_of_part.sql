-- In the order in which they fire.
SELECT t.id, t.part_id, t.trigger_type, t.operation_code, t.conditions, t.assignment_type, COALESCE(t.format_id, ''), t.batch_mode, t.batch_size,
    t.priority, t.is_active, t.created_at, t.updated_at,
    COALESCE(s.fired, 0), COALESCE(s.ignored, 0), COALESCE(s.units, 0), s.last_fired_at
FROM serial_assignment_triggers AS t
LEFT JOIN serial_trigger_statistics AS s ON s.trigger_id = t.id
WHERE t.part_id = $1
ORDER BY t.priority, t.created_at, t.id
