SELECT id, name, part_type, COALESCE(gtin, ''), COALESCE(default_format_id, ''), uniqueness_scopes, vendor_scopes,
    number_min_length, number_max_length, number_pattern, number_charset, number_case
FROM parts
