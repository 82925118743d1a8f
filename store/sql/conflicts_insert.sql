INSERT INTO serial_uniqueness_checks (id, scope, scope_key, canonical_number, serial_number, part_id, status, conflict_id, event_id, created_at)
SELECT id, scope, scope_key, canonical_number, serial_number, part_id, 'CONFLICT', conflict_id, event_id, $9
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::uuid[], $8::text[])
    AS t (id, scope, scope_key, canonical_number, serial_number, part_id, conflict_id, event_id)
