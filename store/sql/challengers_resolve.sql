UPDATE serial_conflict_challengers AS h
SET serial_id = t.serial_id
FROM unnest($1::uuid[], $2::uuid[]) AS t (id, serial_id)
WHERE h.id = t.id
