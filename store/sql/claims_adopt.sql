-- By the number, which is indexed. Who is told to have taken a registration over, and has
-- not, was too late.
UPDATE serial_uniqueness_checks AS c
SET serial_id = t.serial_id, serial_number = t.serial_number
FROM unnest($1::text[], $2::text[], $3::uuid[], $4::text[]) AS t (event_id, registered, serial_id, serial_number)
WHERE c.serial_number = t.registered AND c.event_id = t.event_id AND c.serial_id IS NULL AND c.status = 'CLAIMED'
RETURNING c.event_id
