-- Planned as serials_list.sql is.
SELECT p.propagation_type, p.operation_code, count(*)
FROM serial_propagations AS p
JOIN serials AS s ON s.id = p.serial_id
WHERE s.part_id = $1
GROUP BY 1, 2
