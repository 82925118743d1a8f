-- GET …/serials?partId=, the newest first, in the order of an index: one without the id left
-- the server to sort all serials of a part, or to go through all of a source for one that
-- has none there.
DROP INDEX idx_vendor_serials_part_id;
CREATE INDEX idx_vendor_serials_part_id ON vendor_serials (part_id, id);
DROP INDEX idx_system_generated_serials_part_id;
CREATE INDEX idx_system_generated_serials_part_id ON system_generated_serials (part_id, id);
DROP INDEX idx_late_assigned_serials_part_id;
CREATE INDEX idx_late_assigned_serials_part_id ON late_assigned_serials (part_id, id);
