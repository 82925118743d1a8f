-- In the order of the holder, so that two batches wait for each other in one direction only.
INSERT INTO serial_conflicts (id, status, holder, holder_serial_id, holder_event_id, holder_part_id, serial_number, canonical_number, created_at)
SELECT id, 'OPEN', holder, NULLIF(holder_serial_id, '00000000-0000-0000-0000-000000000000'), NULLIF(holder_event_id, ''),
    holder_part_id, serial_number, canonical_number, $8
FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[])
    AS t (id, holder, holder_serial_id, holder_event_id, holder_part_id, serial_number, canonical_number)
ORDER BY holder
ON CONFLICT (holder) WHERE status = 'OPEN' DO NOTHING
