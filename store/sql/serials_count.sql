-- No further than to $14, of one source; $13 is the place of a page, of which there is none.
-- Planned as serials_list.sql is. The source's own table is read, in whose place DB.CountSerials
-- puts those of the others: what is filtered by its index alone is counted in it, without a
-- look at the rows, which the column of the source ($1) would take.
SELECT count(*)::int
FROM (
    SELECT
    FROM system_generated_serials
    WHERE $1::text <> ''
        AND ($2::text = '' OR serial_number = $2)
        AND ($3::text = '' OR part_id = $3)
        AND ($4::text = '' OR status = $4)
        AND ($5::text = '' OR work_order_id = $5)
        AND ($6::text = '' OR lot_number = $6)
        AND ($7::text = '' OR operation_code = $7)
        AND ($8::text = '' OR device = $8)
        AND ($9::text = '' OR lower(vendor_name) = lower($9))
        AND ($10::jsonb[] IS NULL OR attributes @> ANY ($10))
        AND ($11::timestamptz IS NULL OR created_at >= $11)
        AND ($12::timestamptz IS NULL OR created_at < $12)
        AND ($13::uuid IS NULL OR id < $13)
    LIMIT $14) AS found
