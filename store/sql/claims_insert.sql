-- The rows come sorted by (scope, scope_key, canonical_number), so that two
-- batches wait for each other in one direction only, and among equals by the
-- order of their events, so that the first one wins.
INSERT INTO serial_uniqueness_checks (id, scope, scope_key, canonical_number, serial_number, serial_id, part_id, status, event_id, created_at)
SELECT id, scope, scope_key, canonical_number, serial_number, NULLIF(serial_id, '00000000-0000-0000-0000-000000000000'), part_id, 'CLAIMED', event_id, $9
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::uuid[], $7::text[], $8::text[])
    AS t (id, scope, scope_key, canonical_number, serial_number, serial_id, part_id, event_id)
ON CONFLICT (scope, scope_key, canonical_number) WHERE status = 'CLAIMED' DO NOTHING
