-- Wrong passwords, counted by all processes together and through their starts.
CREATE TABLE login_failures (
    key          text PRIMARY KEY CHECK (octet_length(key) <= 512),
    failures     integer NOT NULL CHECK (failures > 0),
    failed_at    timestamptz NOT NULL,
    locked_until timestamptz NOT NULL
);
COMMENT ON TABLE login_failures IS 'Wrong passwords in a row. key: ''user'' and a name, or ''client'' and an address or its network; a right password, and half an hour, forget it.';
COMMENT ON COLUMN login_failures.locked_until IS 'Nobody of this key signs in before.';
CREATE INDEX idx_login_failures_failed_at ON login_failures (failed_at);
