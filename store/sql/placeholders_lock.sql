-- Those that are named, and of each part the oldest that wait. In the order of the key, so
-- that two batches wait for each other in one direction only.
SELECT p.id, p.part_id, p.site_id, p.status, COALESCE(p.work_order_id, ''), COALESCE(p.lot_number, ''), COALESCE(p.operation_code, ''),
    COALESCE(p.serial_id, '00000000-0000-0000-0000-000000000000'), COALESCE(p.failure_reason, ''), p.created_at,
    p.id <> ALL ($1::uuid[])
FROM late_assignment_placeholders AS p
WHERE p.id = ANY (ARRAY(
    SELECT unnest($1::uuid[])
    UNION
    SELECT w.id
    FROM unnest($2::text[], $3::text[], $4::text[], $5::bigint[]) AS t (part_id, work_order_id, lot_number, n)
    CROSS JOIN LATERAL (
        SELECT id
        FROM late_assignment_placeholders AS q
        WHERE q.part_id = t.part_id AND q.status = 'PENDING'
            AND (t.work_order_id = '' OR q.work_order_id = t.work_order_id)
            AND (t.lot_number = '' OR q.lot_number = t.lot_number)
        ORDER BY q.created_at, q.id
        LIMIT t.n) AS w))
ORDER BY p.id
FOR UPDATE
