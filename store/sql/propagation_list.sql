-- Of one part, the newest first: from the newest step of all parts on, or by the part's
-- serials, whichever is nearer. Planned as serials_list.sql is.
SELECT p.id, p.serial_id, s.serial_number, p.propagation_type, p.propagation_id, p.operation_code, COALESCE(p.work_center_id, ''),
    p.routing_sequence, p.quantity, COALESCE(p.notes, ''), p.event_id, p.created_at
FROM serial_propagations AS p
JOIN serials AS s ON s.id = p.serial_id
WHERE s.part_id = $1
    AND ($2::text = '' OR p.operation_code = $2)
    AND ($3::text = '' OR p.propagation_type = $3)
    AND ($4::uuid IS NULL OR p.id < $4)
ORDER BY p.id DESC
LIMIT $5
