SELECT name, password_hash, role, disabled, tokens_revoked_at, created_at, updated_at, clock_timestamp()
FROM users
ORDER BY name
