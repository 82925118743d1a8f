-- Enabled again later, the user signs in anew: what was issued before stays refused.
UPDATE users SET disabled = true, tokens_revoked_at = clock_timestamp(), updated_at = clock_timestamp()
WHERE name = $1
