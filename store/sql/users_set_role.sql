-- A token carries its role, so those of the other role end.
UPDATE users SET role = $2, tokens_revoked_at = clock_timestamp(), updated_at = clock_timestamp()
WHERE name = $1
