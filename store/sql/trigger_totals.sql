-- A row per trigger there ever was: few, and read as they are.
SELECT COALESCE(sum(fired), 0)::bigint, COALESCE(sum(ignored), 0)::bigint, COALESCE(sum(units), 0)::bigint, max(last_fired_at)
FROM serial_trigger_statistics
WHERE part_id = $1
