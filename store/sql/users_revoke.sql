UPDATE users SET tokens_revoked_at = clock_timestamp(), updated_at = clock_timestamp()
WHERE name = $1
