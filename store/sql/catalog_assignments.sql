SELECT format_id, COALESCE(part_id, ''), COALESCE(part_type, ''), priority, valid_from, valid_until
FROM serial_format_assignments
ORDER BY priority, part_id NULLS LAST, format_id
