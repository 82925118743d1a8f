-- In the order of the key of one partition.
SELECT id, serial_number, part_id, site_id, source, status, COALESCE(vendor_name, ''), event_id
FROM serials
WHERE source = $1 AND id > $2
ORDER BY id
LIMIT $3
