DROP TABLE serial_format_assignments;
DROP TRIGGER format_version_kept ON serial_formats;
DROP FUNCTION keep_format_version();
DROP TRIGGER format_version_raised ON serial_formats;
DROP FUNCTION raise_format_version();
DROP TABLE serial_format_versions;
ALTER TABLE serial_formats DROP COLUMN deleted_at;
ALTER TABLE serial_formats DROP COLUMN active;
