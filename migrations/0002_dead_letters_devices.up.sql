-- What a replay needs, and what lists need.
ALTER TABLE dead_letters ADD COLUMN event_id text CHECK (octet_length(event_id) <= 128);
ALTER TABLE dead_letters ADD COLUMN size bigint;
UPDATE dead_letters SET size = octet_length(payload);
ALTER TABLE dead_letters ALTER COLUMN size SET NOT NULL;
ALTER TABLE dead_letters ADD CONSTRAINT dead_letters_size_check CHECK (size >= octet_length(payload));
COMMENT ON COLUMN dead_letters.event_id IS 'The event''s id, where one was read or made; NULL if it did not come to that. A replay keeps it.';
COMMENT ON COLUMN dead_letters.payload IS 'The bytes as they came; the beginning of them if size is larger.';
COMMENT ON COLUMN dead_letters.size IS 'Bytes the message had.';
COMMENT ON COLUMN dead_letters.headers IS 'The headers of its message on the dead letter stream: name to array of values.';
COMMENT ON COLUMN dead_letters.replayed_at IS 'When it was last published again; NULL if it waits for somebody.';
-- dlq list and replay by reason look for what waits; a flood of another reason
-- must not make them read all of it.
CREATE INDEX idx_dead_letters_waiting ON dead_letters (reason, received_at) WHERE replayed_at IS NULL;

-- Updated by each batch. No index but the key, so that an update stays on its page.
CREATE TABLE devices (
    site          text NOT NULL CHECK (site ~ '^[A-Za-z0-9_-]{1,64}$'),
    line          text NOT NULL CHECK (line ~ '^[A-Za-z0-9_-]{1,64}$'),
    device        text NOT NULL CHECK (device ~ '^[A-Za-z0-9_-]{1,64}$'),
    online        boolean,
    status_at     timestamptz,
    first_seen_at timestamptz NOT NULL,
    last_seen_at  timestamptz NOT NULL,
    events        bigint NOT NULL DEFAULT 0 CHECK (events >= 0),
    refused       bigint NOT NULL DEFAULT 0 CHECK (refused >= 0),
    PRIMARY KEY (site, line, device),
    CHECK ((online IS NULL) = (status_at IS NULL)),
    CHECK (first_seen_at <= last_seen_at),
    CHECK (refused <= events)
) WITH (fillfactor = 50);
COMMENT ON TABLE devices IS 'Who has sent an event or a status. Times are those of arrival in the event stream.';
COMMENT ON COLUMN devices.online IS 'What the device, or the broker for it, said last; NULL until one of them has.';
COMMENT ON COLUMN devices.events IS 'Events with an outcome; repeats and statuses are not counted.';
COMMENT ON COLUMN devices.refused IS 'Those of events whose outcome is rejected.';
