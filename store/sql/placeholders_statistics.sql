SELECT count(*) FILTER (WHERE status = 'PENDING'), count(*) FILTER (WHERE status = 'SERIALIZED'), count(*) FILTER (WHERE status = 'FAILED'),
    COALESCE(EXTRACT(EPOCH FROM avg(resolved_at - created_at) FILTER (WHERE status = 'SERIALIZED')), 0)::double precision,
    COALESCE(EXTRACT(EPOCH FROM now() - min(created_at) FILTER (WHERE status = 'PENDING')), 0)::double precision
FROM late_assignment_placeholders
WHERE part_id = $1
