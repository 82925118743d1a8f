SELECT t.n, c.id, COALESCE(c.serial_id, '00000000-0000-0000-0000-000000000000'), c.part_id, c.event_id, c.serial_number
FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS t (scope, scope_key, canonical_number, n)
JOIN serial_uniqueness_checks AS c
    ON c.scope = t.scope AND c.scope_key = t.scope_key AND c.canonical_number = t.canonical_number
        AND c.status = 'CLAIMED'
