-- As serials_lock.sql does.
SELECT id, serial_number, part_id, site_id, source, status, COALESCE(vendor_name, ''), COALESCE(work_order_id, ''),
    COALESCE(lot_number, ''), COALESCE(internal_serial_id, '00000000-0000-0000-0000-000000000000'), COALESCE(rejection_reason, '')
FROM serials
WHERE id = ANY (ARRAY(
    SELECT holder_serial_id FROM serial_conflicts
    WHERE (id = ANY ($1::uuid[]) OR canonical_number = ANY ($2::text[])) AND status = 'OPEN'))
ORDER BY id
FOR UPDATE
