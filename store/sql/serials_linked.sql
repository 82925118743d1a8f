SELECT internal_serial_id, id
FROM vendor_serials
WHERE internal_serial_id = ANY (ARRAY(
    SELECT unnest($1::uuid[]) UNION SELECT id FROM serials WHERE serial_number = ANY ($2::text[])))
