-- What the workflows keep of a serial beside its number.
ALTER TABLE serials ADD COLUMN line text;
ALTER TABLE serials ADD COLUMN device text;
ALTER TABLE serials ADD COLUMN retirement_reason text;
COMMENT ON COLUMN serials.device IS 'The device whose event made it, with its line; NULL if none did.';
COMMENT ON COLUMN serials.internal_serial_id IS 'The serial of ours that a vendor''s was accepted for.';
COMMENT ON COLUMN serials.attributes IS 'What else its event said of it: a JSON object.';
ALTER TABLE serials ADD CONSTRAINT serials_retirement_reason_check CHECK (status = 'RETIRED' OR retirement_reason IS NULL);
-- A unit has one number of the vendor's and one of ours.
CREATE UNIQUE INDEX idx_vendor_serials_internal_serial_id
    ON vendor_serials (internal_serial_id) WHERE internal_serial_id IS NOT NULL;
CREATE INDEX idx_serials_work_order_id ON serials (work_order_id) WHERE work_order_id IS NOT NULL;
CREATE INDEX idx_serials_lot_number ON serials (lot_number) WHERE lot_number IS NOT NULL;
CREATE INDEX idx_serials_attributes ON serials USING gin (attributes jsonb_path_ops) WHERE attributes IS NOT NULL;

ALTER TABLE late_assignment_placeholders ADD COLUMN trigger_id uuid;
COMMENT ON COLUMN late_assignment_placeholders.trigger_id IS 'The trigger that made it, NULL for one that was asked for.';
-- Who gets the next number: the oldest of a part that waits.
CREATE INDEX idx_late_assignment_placeholders_pending
    ON late_assignment_placeholders (part_id, created_at, id) WHERE status = 'PENDING';

CREATE TABLE serial_trigger_statistics (
    trigger_id    uuid PRIMARY KEY,
    part_id       text NOT NULL,
    fired         bigint NOT NULL DEFAULT 0 CHECK (fired >= 0),
    ignored       bigint NOT NULL DEFAULT 0 CHECK (ignored >= 0),
    units         bigint NOT NULL DEFAULT 0 CHECK (units >= 0),
    last_fired_at timestamptz
) WITH (fillfactor = 50);
COMMENT ON TABLE serial_trigger_statistics IS 'What a trigger did: how often it fired, how often an occurrence of its kind at its part did not match it, and the units it gave numbers or placeholders.';
