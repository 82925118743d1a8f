-- By the key, which is indexed; of whoever has it, if that is still who is meant.
UPDATE serial_uniqueness_checks AS c
SET status = 'RELEASED', resolved_at = $6
FROM unnest($1::text[], $2::text[], $3::text[], $4::uuid[], $5::text[]) AS t (scope, scope_key, canonical_number, serial_id, event_id)
WHERE c.scope = t.scope AND c.scope_key = t.scope_key AND c.canonical_number = t.canonical_number AND c.status = 'CLAIMED'
    AND COALESCE(c.serial_id, '00000000-0000-0000-0000-000000000000') = t.serial_id
    AND (c.serial_id IS NOT NULL OR c.event_id = t.event_id)
