DELETE FROM serial_format_assignments
WHERE format_id = $1
