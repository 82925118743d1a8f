-- Undoes claims of the batch itself, whose serials lost in another scope.
DELETE FROM serial_uniqueness_checks
WHERE id = ANY ($1::uuid[])
