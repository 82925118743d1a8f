-- A letter that is there already came again after a lost acknowledgement.
INSERT INTO dead_letters (id, reason, detail, origin, event_id, payload, size, headers, received_at)
SELECT id, reason, detail, origin, NULLIF(event_id, ''), payload, size, headers::jsonb, received_at
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bytea[], $7::bigint[], $8::text[], $9::timestamptz[])
    AS t (id, reason, detail, origin, event_id, payload, size, headers, received_at)
ON CONFLICT (id) DO NOTHING
RETURNING reason
