-- No further than to $4. Planned as serials_list.sql is.
SELECT count(*)::int
FROM (
    SELECT
    FROM late_assignment_placeholders
    WHERE status = 'PENDING'
        AND ($1::text = '' OR part_id = $1)
        AND ($2::text = '' OR work_order_id = $2)
        AND ($3::text = '' OR lot_number = $3)
    LIMIT $4) AS found
