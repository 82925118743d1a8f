-- No further than to $13, of one source; $12 is the place of a page, of which there is none.
-- Planned, and read from a source's own table, as serials_list.sql is: what is filtered by its
-- index alone is counted in it, without a look at the rows.
SELECT count(*)::int
FROM (
    SELECT
    FROM system_generated_serials
    WHERE ($1::text = '' OR serial_number = $1)
        AND ($2::text = '' OR part_id = $2)
        AND ($3::text = '' OR status = $3)
        AND ($4::text = '' OR work_order_id = $4)
        AND ($5::text = '' OR lot_number = $5)
        AND ($6::text = '' OR operation_code = $6)
        AND ($7::text = '' OR device = $7)
        AND ($8::text = '' OR lower(vendor_name) = lower($8))
        AND ($9::jsonb[] IS NULL OR attributes @> ANY ($9))
        AND ($10::timestamptz IS NULL OR created_at >= $10)
        AND ($11::timestamptz IS NULL OR created_at < $11)
        AND ($12::uuid IS NULL OR id < $12)
    LIMIT $13) AS found
