DELETE FROM parts
WHERE id = $1
