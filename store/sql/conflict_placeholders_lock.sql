-- Before the conflicts, as batches that have placeholders and join a conflict do.
SELECT id, part_id, site_id, status, COALESCE(work_order_id, ''), COALESCE(lot_number, ''), COALESCE(operation_code, ''),
    COALESCE(serial_id, '00000000-0000-0000-0000-000000000000'), COALESCE(failure_reason, ''), created_at, false
FROM late_assignment_placeholders
WHERE id = ANY (ARRAY(
    SELECT h.placeholder_id
    FROM serial_conflict_challengers AS h
    JOIN serial_conflicts AS c ON c.id = h.conflict_id
    WHERE (c.id = ANY ($1::uuid[]) OR c.canonical_number = ANY ($2::text[])) AND c.status = 'OPEN'))
ORDER BY id
FOR UPDATE
