-- Committed on its own, before the batch: a shared counter row is locked for a
-- moment and not for a whole batch. A batch that fails afterwards leaves a gap.
-- Not synced: no number gets out before its batch is committed, and syncing that syncs all
-- that was written before. What a crash takes back was given to nobody.
WITH unsynced AS (SELECT set_config('synchronous_commit', 'off', true))
INSERT INTO serial_counters (format_id, counter_scope, period, taken)
SELECT format_id, counter_scope, period, n
FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[]) AS t (format_id, counter_scope, period, n)
CROSS JOIN unsynced
ORDER BY format_id, counter_scope, period
ON CONFLICT (format_id, counter_scope, period)
    DO UPDATE SET taken = serial_counters.taken + excluded.taken, updated_at = now()
RETURNING format_id, counter_scope, period, taken
