-- A scan names its part by the GTIN: 14 digits, of one part only.
UPDATE parts SET gtin = NULL WHERE gtin = '';
UPDATE parts SET gtin = lpad(gtin, 14, '0') WHERE gtin ~ '^([0-9]{8}|[0-9]{12}|[0-9]{13})$';
ALTER TABLE parts ADD CONSTRAINT parts_gtin_check CHECK (gtin ~ '^[0-9]{14}$');
CREATE UNIQUE INDEX idx_parts_gtin ON parts (gtin);
COMMENT ON COLUMN parts.gtin IS 'Global Trade Item Number, 14 digits; NULL if it has none.';
