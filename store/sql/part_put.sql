INSERT INTO parts (id, name, part_type, gtin, default_format_id, uniqueness_scopes, vendor_scopes,
    number_min_length, number_max_length, number_pattern, number_charset, number_case)
VALUES ($1, $2, $3, NULLIF($4, ''), NULLIF($5, ''), $6, $7, $8, $9, $10, $11, $12)
ON CONFLICT (id) DO UPDATE SET name = excluded.name, part_type = excluded.part_type, gtin = excluded.gtin,
    default_format_id = excluded.default_format_id, uniqueness_scopes = excluded.uniqueness_scopes, vendor_scopes = excluded.vendor_scopes,
    number_min_length = excluded.number_min_length, number_max_length = excluded.number_max_length,
    number_pattern = excluded.number_pattern, number_charset = excluded.number_charset, number_case = excluded.number_case,
    updated_at = $13
