-- A number that was asked for and is claimed, until a person has said what shall become of
-- it. Who holds it is a serial, or a registration, which is named by its event.
CREATE TABLE serial_conflicts (
    id               uuid PRIMARY KEY,
    status           text NOT NULL CHECK (status IN ('OPEN', 'RESOLVED')),
    holder           text NOT NULL,
    holder_serial_id uuid,
    holder_event_id  text,
    holder_part_id   text NOT NULL,
    serial_number    text NOT NULL,
    canonical_number text NOT NULL,
    created_at       timestamptz NOT NULL,
    resolution       text CHECK (resolution IN ('KEEP', 'RETIRE', 'MARK_INVALID')),
    reason           text,
    resolved_by      text,
    resolved_event_id text,
    resolved_at      timestamptz,
    CHECK ((holder_serial_id IS NULL) <> (holder_event_id IS NULL)),
    CHECK ((status = 'RESOLVED') = (resolution IS NOT NULL AND resolved_at IS NOT NULL))
);
COMMENT ON TABLE serial_conflicts IS 'Who holds a number that others asked for, and how that was resolved.';
COMMENT ON COLUMN serial_conflicts.holder IS 'The id of the serial that holds the number, or registered: and the event that registered it without a unit.';
-- Who comes later joins the conflict that is open.
CREATE UNIQUE INDEX idx_serial_conflicts_open ON serial_conflicts (holder) WHERE status = 'OPEN';
CREATE INDEX idx_serial_conflicts_pending ON serial_conflicts (created_at, id) WHERE status = 'OPEN';
CREATE INDEX idx_serial_conflicts_canonical_number ON serial_conflicts (canonical_number);
CREATE INDEX idx_serial_conflicts_holder_part_id ON serial_conflicts (holder_part_id);
CREATE INDEX idx_serial_conflicts_resolved_at ON serial_conflicts (resolved_at DESC) WHERE status = 'RESOLVED';

CREATE TABLE serial_conflict_challengers (
    id             uuid PRIMARY KEY,
    conflict_id    uuid NOT NULL REFERENCES serial_conflicts,
    event_id       text NOT NULL,
    event_type     text NOT NULL,
    performed_by   text NOT NULL,
    part_id        text NOT NULL,
    serial_number  text NOT NULL,
    scopes         text[] NOT NULL,
    source         text,
    site_id        text,
    vendor_name    text,
    received_date  text,
    work_order_id  text,
    lot_number     text,
    operation_code text,
    line           text,
    device         text,
    attributes     jsonb,
    trigger_id     uuid,
    placeholder_id uuid,
    serial_id      uuid,
    created_at     timestamptz NOT NULL
);
COMMENT ON TABLE serial_conflict_challengers IS 'Who asked for a number that is claimed: the event, in which scopes, and the serial it would have made.';
COMMENT ON COLUMN serial_conflict_challengers.scopes IS 'Those of the scopes in which it was asked for that somebody holds.';
COMMENT ON COLUMN serial_conflict_challengers.source IS 'Of the serial that would have been made; NULL if there was none to be made.';
COMMENT ON COLUMN serial_conflict_challengers.serial_id IS 'The serial that the resolution made of it.';
CREATE INDEX idx_serial_conflict_challengers_conflict_id ON serial_conflict_challengers (conflict_id, created_at);
CREATE INDEX idx_serial_conflict_challengers_part_id ON serial_conflict_challengers (part_id);

CREATE INDEX idx_serial_uniqueness_checks_conflict_id
    ON serial_uniqueness_checks (conflict_id) WHERE conflict_id IS NOT NULL;
COMMENT ON COLUMN serial_uniqueness_checks.conflict_id IS 'The challenger: joins all that one event asked for and did not get.';

-- Those of before have no challenger and no would-be serial; the number was refused, and
-- that is how they ended.
INSERT INTO serial_conflicts (id, status, holder, holder_serial_id, holder_event_id, holder_part_id, serial_number, canonical_number,
    created_at, resolution, reason, resolved_by, resolved_at)
SELECT DISTINCT ON (c.conflict_id) c.conflict_id, 'RESOLVED', COALESCE(h.serial_id::text, 'registered:' || h.event_id), h.serial_id,
    CASE WHEN h.serial_id IS NULL THEN h.event_id END, h.part_id, h.serial_number, h.canonical_number, c.created_at, 'KEEP', 'before conflicts could be resolved', 'migration', c.created_at
FROM serial_uniqueness_checks AS c
JOIN serial_uniqueness_checks AS h
    ON h.scope = c.scope AND h.scope_key = c.scope_key AND h.canonical_number = c.canonical_number AND h.status = 'CLAIMED'
WHERE c.status = 'CONFLICT'
ORDER BY c.conflict_id;
INSERT INTO serial_conflict_challengers (id, conflict_id, event_id, event_type, performed_by, part_id, serial_number, scopes, created_at)
SELECT c.conflict_id, c.conflict_id, min(c.event_id), 'unknown', 'unknown', min(c.part_id), min(c.serial_number), array_agg(c.scope), min(c.created_at)
FROM serial_uniqueness_checks AS c
JOIN serial_conflicts AS k ON k.id = c.conflict_id
WHERE c.status = 'CONFLICT'
GROUP BY c.conflict_id;
UPDATE serial_uniqueness_checks SET status = 'RESOLVED', resolved_at = created_at WHERE status = 'CONFLICT';
