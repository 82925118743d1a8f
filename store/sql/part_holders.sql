-- The serials of a part that hold claims, and the claims of numbers that are registered for
-- it without a unit.
SELECT s.id, s.serial_number, s.site_id, s.source, COALESCE(s.vendor_name, ''), '', '', ''
FROM serials AS s
WHERE s.part_id = $1
    AND EXISTS (
        SELECT FROM serial_uniqueness_checks AS c
        WHERE c.serial_number = s.serial_number AND c.serial_id = s.id AND c.status = 'CLAIMED')
UNION ALL
SELECT '00000000-0000-0000-0000-000000000000', serial_number, '', '', '', scope, scope_key, event_id
FROM serial_uniqueness_checks
WHERE part_id = $1 AND serial_id IS NULL AND status = 'CLAIMED'
