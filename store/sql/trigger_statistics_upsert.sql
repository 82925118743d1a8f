-- In the order of the key, and near the end of its transaction, as devices_upsert.sql is.
INSERT INTO serial_trigger_statistics AS s (trigger_id, part_id, fired, ignored, units, last_fired_at)
SELECT trigger_id, part_id, fired, ignored, units, CASE WHEN fired > 0 THEN $6::timestamptz END
FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[]) AS t (trigger_id, part_id, fired, ignored, units)
ORDER BY trigger_id
ON CONFLICT (trigger_id) DO UPDATE
SET fired = s.fired + excluded.fired, ignored = s.ignored + excluded.ignored, units = s.units + excluded.units,
    last_fired_at = GREATEST(s.last_fired_at, excluded.last_fired_at)
