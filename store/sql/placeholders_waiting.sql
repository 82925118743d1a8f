SELECT count(*), COALESCE(EXTRACT(EPOCH FROM now() - min(created_at)), 0)::double precision
FROM late_assignment_placeholders
WHERE status = 'PENDING'
