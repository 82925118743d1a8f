UPDATE serial_uniqueness_checks AS c
SET status = 'RELEASED', resolved_at = $2
WHERE c.id = ANY ($1::uuid[]) AND c.status = 'CLAIMED'
    AND NOT EXISTS (SELECT FROM serials AS s WHERE s.id = c.serial_id AND s.status <> 'REJECTED')
