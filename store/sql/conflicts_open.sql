-- In the order of the holder, so that two batches wait for each other in one direction only.
-- Of a holder that has given up meanwhile what was asked for, none is opened: then the
-- challenger has none to join, and the batch is run again.
INSERT INTO serial_conflicts (id, status, holder, holder_serial_id, holder_event_id, holder_part_id, serial_number, canonical_number, created_at)
SELECT id, 'OPEN', holder, NULLIF(holder_serial_id, '00000000-0000-0000-0000-000000000000'), NULLIF(holder_event_id, ''),
    holder_part_id, serial_number, canonical_number, $8
FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $9::uuid[])
    AS t (id, holder, holder_serial_id, holder_event_id, holder_part_id, serial_number, canonical_number, challenger_id)
WHERE EXISTS (
    SELECT FROM serial_uniqueness_checks AS asked
    JOIN serial_uniqueness_checks AS c
        ON c.scope = asked.scope AND c.scope_key = asked.scope_key AND c.canonical_number = asked.canonical_number AND c.status = 'CLAIMED'
    WHERE asked.conflict_id = t.challenger_id AND t.holder = COALESCE(c.serial_id::text, 'registered:' || c.event_id)
    FOR SHARE OF c)
ORDER BY holder
ON CONFLICT (holder) WHERE status = 'OPEN' DO NOTHING
