-- By the number, which is indexed.
UPDATE serial_uniqueness_checks AS c
SET status = 'RELEASED', resolved_at = $3
FROM unnest($1::uuid[], $2::text[]) AS t (serial_id, serial_number)
WHERE c.serial_number = t.serial_number AND c.serial_id = t.serial_id AND c.status = 'CLAIMED'
