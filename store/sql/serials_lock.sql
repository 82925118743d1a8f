-- In the order of the key, so that two batches wait for each other in one direction only.
SELECT id, serial_number, part_id, site_id, source, status, COALESCE(vendor_name, ''), COALESCE(work_order_id, ''),
    COALESCE(lot_number, ''), COALESCE(internal_serial_id, '00000000-0000-0000-0000-000000000000'), COALESCE(rejection_reason, '')
FROM serials
WHERE id = ANY (ARRAY(
    SELECT unnest($1::uuid[]) UNION SELECT id FROM serials WHERE serial_number = ANY ($2::text[])))
ORDER BY id
FOR UPDATE
