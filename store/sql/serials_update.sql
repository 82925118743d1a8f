-- The rows are locked by serials_lock.sql. source is in the key, so that one partition is
-- looked at.
UPDATE serials AS s
SET status = t.status, rejection_reason = NULLIF(t.rejection_reason, ''), retirement_reason = NULLIF(t.retirement_reason, ''),
    internal_serial_id = NULLIF(t.internal_serial_id, '00000000-0000-0000-0000-000000000000'), updated_at = $7
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::uuid[])
    AS t (id, source, status, rejection_reason, retirement_reason, internal_serial_id)
WHERE s.id = t.id AND s.source = t.source
