DROP INDEX idx_parts_gtin;
ALTER TABLE parts DROP CONSTRAINT parts_gtin_check;
COMMENT ON COLUMN parts.gtin IS NULL;
