SELECT id, serial_number, part_id, status
FROM serials
WHERE serial_number = ANY ($1::text[])
ORDER BY serial_number, id
