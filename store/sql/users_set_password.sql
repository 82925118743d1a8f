-- clock_timestamp, not now: the transaction may have begun before a token that it revokes was issued.
UPDATE users SET password_hash = $2, tokens_revoked_at = clock_timestamp(), updated_at = clock_timestamp()
WHERE name = $1
