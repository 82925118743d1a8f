-- Tables of the contract. Hot tables (serials, claims, audit_events,
-- processed_events) carry no foreign keys: a key check costs a lookup per row,
-- and their only writer, the processors, decides against the catalog.

CREATE TABLE sites (
    id         text PRIMARY KEY CHECK (id ~ '^[A-Za-z0-9_-]{1,64}$'),
    name       text NOT NULL,
    time_zone  text NOT NULL DEFAULT 'UTC',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE sites IS 'Plants. Date tokens and counter resets follow time_zone (IANA name).';

CREATE TABLE serial_formats (
    id            text PRIMARY KEY,
    version       integer NOT NULL DEFAULT 1 CHECK (version > 0),
    name          text NOT NULL,
    pattern       text NOT NULL,
    counter_start bigint NOT NULL DEFAULT 1 CHECK (counter_start >= 0),
    increment     bigint NOT NULL DEFAULT 1 CHECK (increment > 0),
    reset         text NOT NULL DEFAULT 'never' CHECK (reset IN ('never', 'yearly', 'monthly', 'weekly', 'daily')),
    counter_scope text NOT NULL DEFAULT 'FORMAT' CHECK (counter_scope IN ('FORMAT', 'SITE', 'PART', 'SITE_PART')),
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE serial_formats IS 'Pattern templates with their counter rule.';

CREATE TABLE parts (
    id                text PRIMARY KEY CHECK (id <> '' AND octet_length(id) <= 200),
    name              text NOT NULL,
    part_type         text NOT NULL,
    gtin              text,
    default_format_id text REFERENCES serial_formats (id),
    uniqueness_scopes text[] NOT NULL DEFAULT '{SITE,PART_TYPE}'
        CHECK (uniqueness_scopes <@ '{SITE,PART_TYPE,ENTERPRISE}' AND cardinality(uniqueness_scopes) > 0),
    vendor_scopes     text[] NOT NULL DEFAULT '{VENDOR}'
        CHECK (vendor_scopes <@ '{SITE,PART_TYPE,ENTERPRISE,VENDOR}' AND cardinality(vendor_scopes) > 0),
    number_min_length integer NOT NULL DEFAULT 0 CHECK (number_min_length >= 0),
    number_max_length integer NOT NULL DEFAULT 0 CHECK (number_max_length >= 0),
    number_pattern    text NOT NULL DEFAULT '',
    number_charset    text NOT NULL DEFAULT 'any' CHECK (number_charset IN ('any', 'numeric', 'alphanumeric')),
    number_case       text NOT NULL DEFAULT 'exact' CHECK (number_case IN ('exact', 'fold')),
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE parts IS 'What is made or bought.';
COMMENT ON COLUMN parts.part_type IS 'Family; the key of uniqueness scope PART_TYPE.';
COMMENT ON COLUMN parts.number_pattern IS 'RE2 over the whole number for numbers from outside; empty allows all. number_min_length and number_max_length count characters, 0 = no bound.';

CREATE TABLE serial_assignment_triggers (
    id              uuid PRIMARY KEY,
    part_id         text NOT NULL REFERENCES parts (id),
    trigger_type    text NOT NULL CHECK (trigger_type IN ('MATERIAL_RECEIPT', 'WORK_ORDER_CREATE', 'OPERATION_COMPLETE', 'QUALITY_CHECKPOINT', 'BATCH_COMPLETION')),
    operation_code  text NOT NULL DEFAULT '',
    conditions      jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(conditions) = 'object'),
    assignment_type text NOT NULL CHECK (assignment_type IN ('SYSTEM_GENERATED', 'VENDOR', 'LATE_ASSIGNMENT')),
    format_id       text REFERENCES serial_formats (id),
    batch_mode      boolean NOT NULL DEFAULT false,
    batch_size      integer NOT NULL DEFAULT 1 CHECK (batch_size > 0),
    priority        integer NOT NULL DEFAULT 100,
    is_active       boolean NOT NULL DEFAULT true,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE serial_assignment_triggers IS 'When trigger_type happens to part_id, assign serials by assignment_type. All matching ones fire, by priority, then creation.';
CREATE INDEX idx_serial_assignment_triggers_part_id ON serial_assignment_triggers (part_id);
CREATE UNIQUE INDEX idx_serial_assignment_triggers_equal
    ON serial_assignment_triggers (part_id, trigger_type, operation_code, conditions, assignment_type)
    WHERE is_active;

CREATE TABLE catalog_version (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    version  bigint NOT NULL
);
COMMENT ON TABLE catalog_version IS 'Raised by each change of sites, parts, formats and triggers; processors replace their snapshot when it differs.';
INSERT INTO catalog_version (version) VALUES (1);

CREATE FUNCTION raise_catalog_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE catalog_version SET version = version + 1;
    RETURN NULL;
END $$;
CREATE TRIGGER catalog_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON sites
    FOR EACH STATEMENT EXECUTE FUNCTION raise_catalog_version();
CREATE TRIGGER catalog_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON parts
    FOR EACH STATEMENT EXECUTE FUNCTION raise_catalog_version();
CREATE TRIGGER catalog_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON serial_formats
    FOR EACH STATEMENT EXECUTE FUNCTION raise_catalog_version();
CREATE TRIGGER catalog_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON serial_assignment_triggers
    FOR EACH STATEMENT EXECUTE FUNCTION raise_catalog_version();

CREATE TABLE serial_counters (
    format_id     text NOT NULL,
    counter_scope text NOT NULL,
    period        text NOT NULL,
    taken         bigint NOT NULL CHECK (taken >= 0),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (format_id, counter_scope, period)
) WITH (fillfactor = 50);
COMMENT ON TABLE serial_counters IS 'How many values were taken of a format''s counter in a period of the site''s local time. Never lowered: a gap is allowed, a repeat is not.';
COMMENT ON COLUMN serial_counters.counter_scope IS 'What the counter is of: empty (one for the format), a site, a part, or site/part.';

-- One row per serial; the leaf tables have the contract's names.
CREATE TABLE serials (
    id                 uuid NOT NULL,
    serial_number      text NOT NULL CHECK (serial_number <> ''),
    part_id            text NOT NULL,
    site_id            text NOT NULL,
    source             text NOT NULL CHECK (source IN ('VENDOR', 'SYSTEM_GENERATED', 'LATE_ASSIGNMENT')),
    status             text NOT NULL,
    format_id          text,
    format_version     integer,
    trigger_id         uuid,
    work_order_id      text,
    lot_number         text,
    operation_code     text,
    vendor_name        text,
    received_date      date,
    rejection_reason   text,
    internal_serial_id uuid,
    attributes         jsonb,
    event_id           text NOT NULL,
    created_at         timestamptz NOT NULL,
    updated_at         timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (id, source)
) PARTITION BY LIST (source);
COMMENT ON TABLE serials IS 'One number on one unit.';
COMMENT ON COLUMN serials.serial_number IS 'As on the part; the form that is compared is in serial_uniqueness_checks.';
COMMENT ON COLUMN serials.event_id IS 'The event that made the serial.';

CREATE TABLE vendor_serials PARTITION OF serials (
    CHECK (vendor_name IS NOT NULL),
    CHECK (status IN ('PENDING', 'ACCEPTED', 'REJECTED', 'RETIRED', 'INVALID')),
    CHECK ((status = 'REJECTED') = (rejection_reason IS NOT NULL))
) FOR VALUES IN ('VENDOR');
CREATE TABLE system_generated_serials PARTITION OF serials (
    CHECK (format_id IS NOT NULL),
    CHECK (status IN ('ACTIVE', 'RETIRED', 'INVALID'))
) FOR VALUES IN ('SYSTEM_GENERATED');
CREATE TABLE late_assigned_serials PARTITION OF serials (
    CHECK (status IN ('ACTIVE', 'RETIRED', 'INVALID'))
) FOR VALUES IN ('LATE_ASSIGNMENT');
COMMENT ON TABLE vendor_serials IS 'Serials that came with bought parts: PENDING, then ACCEPTED or REJECTED with a reason.';
COMMENT ON TABLE system_generated_serials IS 'Serials that this service made.';
COMMENT ON TABLE late_assigned_serials IS 'Serials that placeholders got.';

CREATE INDEX idx_vendor_serials_part_id ON vendor_serials (part_id);
CREATE INDEX idx_vendor_serials_serial_number ON vendor_serials (serial_number);
CREATE INDEX idx_vendor_serials_status ON vendor_serials (status);
CREATE INDEX idx_vendor_serials_created_at ON vendor_serials (created_at DESC);
CREATE INDEX idx_vendor_serials_part_status ON vendor_serials (part_id, status);
CREATE INDEX idx_system_generated_serials_part_id ON system_generated_serials (part_id);
CREATE INDEX idx_system_generated_serials_serial_number ON system_generated_serials (serial_number);
CREATE INDEX idx_system_generated_serials_created_at ON system_generated_serials (created_at DESC);
CREATE INDEX idx_late_assigned_serials_part_id ON late_assigned_serials (part_id);
CREATE INDEX idx_late_assigned_serials_serial_number ON late_assigned_serials (serial_number);
CREATE INDEX idx_late_assigned_serials_created_at ON late_assigned_serials (created_at DESC);

CREATE TABLE late_assignment_placeholders (
    id             uuid PRIMARY KEY,
    part_id        text NOT NULL,
    site_id        text NOT NULL,
    status         text NOT NULL DEFAULT 'PENDING' CHECK (status IN ('PENDING', 'SERIALIZED', 'FAILED')),
    work_order_id  text,
    operation_code text,
    lot_number     text,
    serial_id      uuid,
    failure_reason text,
    notes          text,
    event_id       text NOT NULL,
    created_at     timestamptz NOT NULL,
    resolved_at    timestamptz,
    CHECK ((status = 'SERIALIZED') = (serial_id IS NOT NULL)),
    CHECK ((status = 'FAILED') = (failure_reason IS NOT NULL))
);
COMMENT ON TABLE late_assignment_placeholders IS 'One row per unit that gets its number later.';
CREATE INDEX idx_late_assignment_placeholders_part_id ON late_assignment_placeholders (part_id);
CREATE INDEX idx_late_assignment_placeholders_status ON late_assignment_placeholders (status);
CREATE INDEX idx_late_assignment_placeholders_created_at ON late_assignment_placeholders (created_at DESC);

CREATE TABLE serial_propagations (
    id               uuid PRIMARY KEY,
    serial_id        uuid NOT NULL,
    parent_serial_id uuid,
    child_serial_id  uuid,
    propagation_type text NOT NULL CHECK (propagation_type IN ('PASS_THROUGH', 'SPLIT', 'MERGE', 'TRANSFORMATION')),
    propagation_id   uuid NOT NULL,
    operation_code   text NOT NULL,
    work_center_id   text,
    routing_sequence integer,
    quantity         integer CHECK (quantity > 0),
    notes            text,
    event_id         text NOT NULL,
    created_at       timestamptz NOT NULL,
    CHECK (propagation_type = 'PASS_THROUGH' OR parent_serial_id IS DISTINCT FROM child_serial_id)
);
COMMENT ON TABLE serial_propagations IS 'Edges parent to child of units through the routing; the edges of one step share propagation_id.';
COMMENT ON COLUMN serial_propagations.serial_id IS 'The serial the row is the history of; the child of an edge, the unit itself of a pass-through.';
CREATE INDEX idx_serial_propagations_serial_id ON serial_propagations (serial_id);
CREATE INDEX idx_serial_propagations_parent_serial_id ON serial_propagations (parent_serial_id);
CREATE INDEX idx_serial_propagations_child_serial_id ON serial_propagations (child_serial_id);

CREATE TABLE serial_uniqueness_checks (
    id               uuid PRIMARY KEY,
    scope            text NOT NULL CHECK (scope IN ('SITE', 'PART_TYPE', 'ENTERPRISE', 'VENDOR')),
    scope_key        text NOT NULL,
    canonical_number text NOT NULL CHECK (canonical_number <> ''),
    serial_number    text NOT NULL,
    serial_id        uuid,
    part_id          text NOT NULL,
    status           text NOT NULL CHECK (status IN ('CLAIMED', 'CONFLICT', 'RESOLVED', 'RELEASED')),
    conflict_id      uuid,
    event_id         text NOT NULL,
    created_at       timestamptz NOT NULL,
    resolved_at      timestamptz,
    CHECK ((status IN ('CONFLICT', 'RESOLVED')) = (conflict_id IS NOT NULL))
);
COMMENT ON TABLE serial_uniqueness_checks IS 'CLAIMED: the right of one serial to one number in one scope. CONFLICT and RESOLVED: who asked for a claimed number. RELEASED: a claim that was given up.';
COMMENT ON COLUMN serial_uniqueness_checks.canonical_number IS 'The number as compared: NFC, trimmed, folded if the part says so.';
COMMENT ON COLUMN serial_uniqueness_checks.serial_id IS 'The serial that holds the claim, NULL for a number registered without a unit and for a challenger that got no serial.';
COMMENT ON COLUMN serial_uniqueness_checks.conflict_id IS 'Joins the rows of one conflict: all that were asked for by one event.';
-- The judge of uniqueness. It leads with scope, so that it is the guide's index
-- on scope, too; one on scope alone (four values) would cost writes and find nothing.
CREATE UNIQUE INDEX idx_serial_uniqueness_checks_scope
    ON serial_uniqueness_checks (scope, scope_key, canonical_number) WHERE status = 'CLAIMED';
CREATE INDEX idx_serial_uniqueness_checks_serial_number ON serial_uniqueness_checks (serial_number);
CREATE INDEX idx_serial_uniqueness_checks_part_id ON serial_uniqueness_checks (part_id);
-- Nearly all rows are CLAIMED: what is looked for by status are the others.
CREATE INDEX idx_serial_uniqueness_checks_status
    ON serial_uniqueness_checks (status) WHERE status <> 'CLAIMED';

CREATE TABLE audit_events (
    id            uuid NOT NULL,
    event_type    text NOT NULL,
    status        text NOT NULL CHECK (status IN ('SUCCESS', 'FAILED')),
    event_id      text,
    serial_id     uuid,
    serial_number text,
    part_id       text,
    site_id       text,
    performed_by  text NOT NULL,
    performed_at  timestamptz NOT NULL,
    device_time   timestamptz,
    old_values    json,
    new_values    json,
    PRIMARY KEY (id, performed_at)
) PARTITION BY RANGE (performed_at);
COMMENT ON TABLE audit_events IS 'What happened, to what, by whom, when; append-only, partitioned by month (UTC).';
COMMENT ON COLUMN audit_events.device_time IS 'When it happened by the device''s clock, where it said so.';
COMMENT ON COLUMN audit_events.new_values IS 'What is now, or the request that was refused; json, not jsonb, so that the text stays as it was written.';
-- Catches what no month has been made for; empty as long as the service runs.
CREATE TABLE audit_events_default PARTITION OF audit_events DEFAULT;
CREATE INDEX idx_audit_events_serial_number ON audit_events (serial_number) WHERE serial_number IS NOT NULL;
CREATE INDEX idx_audit_events_event_type ON audit_events (event_type);
CREATE INDEX idx_audit_events_performed_at ON audit_events (performed_at DESC);
CREATE INDEX idx_audit_events_performed_by ON audit_events (performed_by);
CREATE INDEX idx_audit_events_type_time ON audit_events (event_type, performed_at DESC);

CREATE TABLE processed_events (
    event_id      text PRIMARY KEY CHECK (octet_length(event_id) <= 128),
    event_type    text NOT NULL,
    site          text NOT NULL,
    line          text NOT NULL,
    device        text NOT NULL,
    part_id       text NOT NULL,
    status        text NOT NULL CHECK (status IN ('accepted', 'rejected', 'conflict', 'ignored')),
    outcome       json NOT NULL,
    announcements json,
    processed_at  timestamptz NOT NULL
) WITH (fillfactor = 100);
COMMENT ON TABLE processed_events IS 'The inbox: an event id is processed once. Written in the transaction of the change; a repeat gets the outcome from here.';
COMMENT ON COLUMN processed_events.announcements IS 'What the serial events are made of again, beside the outcome; NULL if there are none.';
CREATE INDEX idx_processed_events_processed_at ON processed_events USING brin (processed_at);

CREATE TABLE dead_letters (
    id            uuid PRIMARY KEY,
    reason        text NOT NULL,
    detail        text NOT NULL,
    origin        text NOT NULL,
    payload       bytea NOT NULL,
    headers       jsonb NOT NULL DEFAULT '{}',
    received_at   timestamptz NOT NULL,
    replayed_at   timestamptz
);
COMMENT ON TABLE dead_letters IS 'Messages that can''t be understood or processed, as they came. origin: the MQTT topic or NATS subject.';
CREATE INDEX idx_dead_letters_received_at ON dead_letters (received_at DESC);

CREATE TABLE print_templates (
    id         text PRIMARY KEY,
    name       text NOT NULL,
    version    integer NOT NULL DEFAULT 1 CHECK (version > 0),
    definition jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE print_templates IS 'Labels: format, size, dpi, fields, symbologies.';

CREATE TABLE users (
    name          text PRIMARY KEY CHECK (name <> ''),
    password_hash text NOT NULL,
    role          text NOT NULL CHECK (role IN ('admin', 'supervisor', 'operator', 'viewer')),
    disabled      boolean NOT NULL DEFAULT false,
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE users IS 'Who may sign in; password_hash in PHC string format.';
