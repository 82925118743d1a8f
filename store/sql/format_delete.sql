UPDATE serial_formats
SET active = false, deleted_at = $2, updated_at = $2
WHERE id = $1
