-- A format that was deleted stays, with its counters and its key: added again it goes on
-- where it was, and no number is made twice.
ALTER TABLE serial_formats ADD COLUMN active boolean NOT NULL DEFAULT true;
ALTER TABLE serial_formats ADD COLUMN deleted_at timestamptz;
COMMENT ON COLUMN serial_formats.active IS 'Whether numbers are made by it.';
COMMENT ON COLUMN serial_formats.version IS 'Raised by each change of what numbers are made of; a serial has the version that made it.';

CREATE TABLE serial_format_versions (
    format_id     text NOT NULL REFERENCES serial_formats (id),
    version       integer NOT NULL CHECK (version > 0),
    pattern       text NOT NULL,
    counter_start bigint NOT NULL,
    increment     bigint NOT NULL,
    reset         text NOT NULL,
    counter_scope text NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (format_id, version)
);
COMMENT ON TABLE serial_format_versions IS 'What each version of a format was, for the serials that it made. Written by a trigger of serial_formats.';
INSERT INTO serial_format_versions (format_id, version, pattern, counter_start, increment, reset, counter_scope)
SELECT id, version, pattern, counter_start, increment, reset, counter_scope
FROM serial_formats;

CREATE FUNCTION raise_format_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.pattern, NEW.counter_start, NEW.increment, NEW.reset, NEW.counter_scope)
        IS DISTINCT FROM (OLD.pattern, OLD.counter_start, OLD.increment, OLD.reset, OLD.counter_scope) THEN
        NEW.version := OLD.version + 1;
    ELSE
        NEW.version := OLD.version;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER format_version_raised BEFORE UPDATE ON serial_formats
    FOR EACH ROW EXECUTE FUNCTION raise_format_version();

CREATE FUNCTION keep_format_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO serial_format_versions (format_id, version, pattern, counter_start, increment, reset, counter_scope)
    VALUES (NEW.id, NEW.version, NEW.pattern, NEW.counter_start, NEW.increment, NEW.reset, NEW.counter_scope)
    ON CONFLICT (format_id, version) DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER format_version_kept AFTER INSERT OR UPDATE ON serial_formats
    FOR EACH ROW EXECUTE FUNCTION keep_format_version();

CREATE TABLE serial_format_assignments (
    format_id   text NOT NULL REFERENCES serial_formats (id),
    part_id     text REFERENCES parts (id),
    part_type   text CHECK (part_type <> ''),
    priority    integer NOT NULL DEFAULT 100,
    valid_from  timestamptz,
    valid_until timestamptz,
    CHECK (num_nonnulls(part_id, part_type) = 1),
    CHECK (valid_from < valid_until)
);
COMMENT ON TABLE serial_format_assignments IS 'Which format makes the numbers of a part, or of a family, and when. The lowest priority wins, then the part before the family.';
COMMENT ON COLUMN serial_format_assignments.valid_until IS 'The first instant at which it no longer holds.';
CREATE INDEX idx_serial_format_assignments_format_id ON serial_format_assignments (format_id);
CREATE INDEX idx_serial_format_assignments_part_id ON serial_format_assignments (part_id);
CREATE TRIGGER catalog_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON serial_format_assignments
    FOR EACH STATEMENT EXECUTE FUNCTION raise_catalog_version();
