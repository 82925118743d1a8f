SELECT t.n, c.id, c.serial_id, c.part_id
FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS t (scope, scope_key, canonical_number, n)
JOIN serial_uniqueness_checks AS c
    ON c.scope = t.scope AND c.scope_key = t.scope_key AND c.canonical_number = t.canonical_number
        AND c.status = 'CLAIMED'
