-- What serials claim that may give it up, by the number, which is indexed.
SELECT c.serial_id, c.scope, c.scope_key, c.canonical_number
FROM serials AS s
JOIN serial_uniqueness_checks AS c ON c.serial_number = s.serial_number AND c.serial_id = s.id AND c.status = 'CLAIMED'
WHERE s.id = ANY (ARRAY(
    SELECT unnest($1::uuid[]) UNION SELECT id FROM serials WHERE serial_number = ANY ($2::text[])))
