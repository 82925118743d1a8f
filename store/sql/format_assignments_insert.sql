INSERT INTO serial_format_assignments (format_id, part_id, part_type, priority, valid_from, valid_until)
SELECT $1, NULLIF(part_id, ''), NULLIF(part_type, ''), priority, valid_from, valid_until
FROM unnest($2::text[], $3::text[], $4::integer[], $5::timestamptz[], $6::timestamptz[])
    AS t (part_id, part_type, priority, valid_from, valid_until)
