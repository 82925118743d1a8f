-- FOR SHARE waits for a change that runs: who signs in with what that change revokes
-- would get a token that is newer than the revocation.
SELECT name, password_hash, role, disabled, tokens_revoked_at, created_at, updated_at, clock_timestamp()
FROM users
WHERE name = $1
FOR SHARE
