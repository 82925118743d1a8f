SELECT p.id, p.serial_id, s.serial_number, p.propagation_type, p.propagation_id, p.operation_code, COALESCE(p.work_center_id, ''),
    p.routing_sequence, p.quantity, COALESCE(p.notes, ''), p.event_id, p.created_at
FROM serial_propagations AS p
JOIN serials AS s ON s.id = p.serial_id
WHERE p.serial_id = $1
ORDER BY p.id DESC
LIMIT $2
