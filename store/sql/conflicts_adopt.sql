-- A conflict about what was registered goes with it.
UPDATE serial_conflicts AS c
SET holder = t.serial_id::text, holder_serial_id = t.serial_id, holder_event_id = NULL
FROM unnest($1::text[], $2::uuid[]) AS t (event_id, serial_id)
WHERE c.holder = 'registered:' || t.event_id AND c.status = 'OPEN'
