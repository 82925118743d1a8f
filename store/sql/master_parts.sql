-- One, or those whose ids come after another. Planned as serials_list.sql is.
SELECT id, name, part_type, COALESCE(gtin, ''), COALESCE(default_format_id, ''), uniqueness_scopes, vendor_scopes,
    number_min_length, number_max_length, number_pattern, number_charset, number_case, created_at, updated_at
FROM parts
WHERE ($1::text IS NULL OR id = $1)
    AND ($2::text = '' OR part_type = $2)
    AND ($3::text = '' OR id > $3)
ORDER BY id
LIMIT $4
