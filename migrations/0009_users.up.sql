ALTER TABLE users ADD COLUMN tokens_revoked_at timestamptz;
COMMENT ON COLUMN users.tokens_revoked_at IS 'A token of this user that was issued then or before is refused; NULL if none was revoked.';
