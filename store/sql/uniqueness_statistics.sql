-- A number that is registered without a unit counts as one. Planned as serials_list.sql is.
SELECT
    (SELECT count(DISTINCT serial_id) + count(DISTINCT event_id) FILTER (WHERE serial_id IS NULL) FROM serial_uniqueness_checks WHERE part_id = $1 AND status = 'CLAIMED'),
    count(DISTINCT holder), count(*) FILTER (WHERE status = 'RESOLVED')
FROM serial_conflicts
WHERE holder_part_id = $1
