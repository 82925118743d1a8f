DROP TABLE devices;
DROP INDEX idx_dead_letters_waiting;
ALTER TABLE dead_letters DROP CONSTRAINT dead_letters_size_check;
ALTER TABLE dead_letters DROP COLUMN size;
ALTER TABLE dead_letters DROP COLUMN event_id;
COMMENT ON COLUMN dead_letters.payload IS NULL;
COMMENT ON COLUMN dead_letters.headers IS NULL;
COMMENT ON COLUMN dead_letters.replayed_at IS NULL;
