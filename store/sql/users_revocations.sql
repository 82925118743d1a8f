SELECT name, disabled, tokens_revoked_at
FROM users
WHERE disabled
    OR tokens_revoked_at IS NOT NULL
