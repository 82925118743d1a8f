INSERT INTO serial_propagations (id, serial_id, propagation_type, propagation_id, operation_code, work_center_id,
    routing_sequence, quantity, notes, event_id, created_at)
SELECT id, serial_id, propagation_type, propagation_id, operation_code, NULLIF(work_center_id, ''),
    routing_sequence, quantity, NULLIF(notes, ''), event_id, $11
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::text[], $6::text[], $7::int[], $8::int[], $9::text[], $10::text[])
    AS t (id, serial_id, propagation_type, propagation_id, operation_code, work_center_id, routing_sequence, quantity, notes, event_id)
