UPDATE users SET disabled = false, updated_at = clock_timestamp()
WHERE name = $1
