-- Claims of serials that can't have them: that are not there, or gave them up.
SELECT c.id, c.scope, c.scope_key, c.canonical_number, c.serial_number, c.serial_id, c.part_id, c.event_id
FROM serial_uniqueness_checks AS c
LEFT JOIN serials AS s ON s.id = c.serial_id
WHERE c.status = 'CLAIMED' AND c.serial_id IS NOT NULL AND (s.id IS NULL OR s.status = 'REJECTED')
ORDER BY c.id
