-- Without ON CONFLICT: a repeat that another process wrote since inbox_read
-- must undo the whole batch, which then finds the row.
INSERT INTO processed_events (event_id, event_type, site, line, device, part_id, status, outcome, announcements, processed_at)
SELECT event_id, event_type, site, line, device, part_id, status, outcome::json, NULLIF(announcements, '')::json, $10
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[])
    AS t (event_id, event_type, site, line, device, part_id, status, outcome, announcements)
