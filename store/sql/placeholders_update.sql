-- The rows are locked by placeholders_lock.sql.
UPDATE late_assignment_placeholders AS p
SET status = t.status, serial_id = NULLIF(t.serial_id, '00000000-0000-0000-0000-000000000000'),
    failure_reason = NULLIF(t.failure_reason, ''), notes = NULLIF(t.notes, ''), resolved_at = $6
FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::text[]) AS t (id, status, serial_id, failure_reason, notes)
WHERE p.id = t.id
