DELETE FROM serial_assignment_triggers
WHERE id = $1
