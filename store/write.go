package store

import (
	"context"
	_ "embed"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/machshop/seriald"
)

var (
	//go:embed sql/inbox_insert.sql
	sqlInboxInsert string
	//go:embed sql/serials_insert.sql
	sqlSerialsInsert string
	//go:embed sql/serials_update.sql
	sqlSerialsUpdate string
	//go:embed sql/placeholders_insert.sql
	sqlPlaceholdersInsert string
	//go:embed sql/placeholders_update.sql
	sqlPlaceholdersUpdate string
	//go:embed sql/propagations_insert.sql
	sqlPropagationsInsert string
	//go:embed sql/trigger_statistics_upsert.sql
	sqlTriggerStatisticsUpsert string
	//go:embed sql/conflicts_insert.sql
	sqlConflictsInsert string
	//go:embed sql/audit_insert.sql
	sqlAuditInsert string
)

// Changes are the rows a batch makes, beside its claims.
type Changes struct {
	Inbox   []InboxRow
	Serials []*seriald.Serial // that are made
	// ChangedSerials and ChangedPlaceholders were in the database before.
	ChangedSerials      []*seriald.Serial
	Placeholders        []*seriald.Placeholder // that are made
	ChangedPlaceholders []*seriald.Placeholder
	// Released are serials among Serials whose claims are given up again.
	Released     []*seriald.Serial
	Propagations []*seriald.Propagation
	Conflicts    []ConflictRow
	Challengers  []ChallengerRow
	Resolution   *ConflictResolution // nil if no conflict is resolved
	Audit        []seriald.AuditEvent
	Triggers     []TriggerCount
	Devices      []DeviceRow
	Master       []MasterChange
}

// TriggerCount is what a trigger did in a batch.
type TriggerCount struct {
	ID                    seriald.ID
	PartID                string
	Fired, Ignored, Units int
}

// InboxRow is a processed event with what was decided about it.
type InboxRow struct {
	EventID       seriald.EventID
	Type          seriald.EventType
	Origin        seriald.Origin
	PartID        string
	Status        seriald.Status
	Outcome       string // JSON
	Announcements string // JSON, "" if there are none
}

// ConflictRow is a claim that was asked for by a challenger and not to be had.
type ConflictRow struct {
	ID           seriald.ID
	ChallengerID seriald.ID
	EventID      seriald.EventID
	seriald.Claim
}

// Write writes c and commits, in one round trip, and some more for rows by the
// thousand; auditRows is the most audit events in one statement. On an error nothing of the batch is there, unless the
// connection was lost while committing: then the inbox says which it was.
func (b *Batch) Write(ctx context.Context, c *Changes, auditRows int) error {
	defer b.db.metrics.observe("write")()
	serials, audit, err := b.copyMany(ctx, c)
	if err != nil {
		b.Rollback()
		return translate("write", err)
	}
	var pipe pgx.Batch
	b.queueInbox(&pipe, c.Inbox)
	for rows := range slices.Chunk(serials, maxRows) {
		b.queueSerials(&pipe, rows)
	}
	b.queueSerialChanges(&pipe, c.ChangedSerials)
	b.queueRelease(&pipe, c.Released)
	for rows := range slices.Chunk(c.Placeholders, maxRows) {
		b.queuePlaceholders(&pipe, rows)
	}
	for rows := range slices.Chunk(c.ChangedPlaceholders, maxRows) {
		b.queuePlaceholderChanges(&pipe, rows)
	}
	b.queuePropagations(&pipe, c.Propagations)
	b.queueConflicts(&pipe, c.Conflicts)
	b.queueChallengers(&pipe, c.Challengers)
	if c.Resolution != nil {
		b.queueResolution(&pipe, c.Resolution)
	}
	for rest := audit; len(rest) > 0; {
		n := min(len(rest), auditRows)
		b.queueAudit(&pipe, rest[:n])
		rest = rest[n:]
	}
	for _, m := range c.Master {
		m.queue(b, &pipe)
	}
	b.queueTriggerCounts(&pipe, c.Triggers)
	b.queueDevices(&pipe, c.Devices) // last: see the statement
	pipe.Queue("COMMIT")
	if err := b.conn.SendBatch(ctx, &pipe).Close(); err != nil {
		b.Rollback()
		return translate("write", err)
	}
	b.release()
	return nil
}

// copyMany writes what there is by the thousand, and returns the rest.
func (b *Batch) copyMany(ctx context.Context, c *Changes) (serials []*seriald.Serial, audit []seriald.AuditEvent, err error) {
	serials, audit = c.Serials, c.Audit
	if len(serials) >= manyRows {
		if err := b.copySerials(ctx, serials); err != nil {
			return nil, nil, err
		}
		serials = nil
	}
	if len(audit) >= manyRows {
		if err := b.copyAudit(ctx, audit); err != nil {
			return nil, nil, err
		}
		audit = nil
	}
	return serials, audit, nil
}

func (b *Batch) queueInbox(pipe *pgx.Batch, rows []InboxRow) {
	n := len(rows)
	if n == 0 {
		return
	}
	text := texts(9, n)
	for i := range rows {
		r := &rows[i]
		text.set(i, string(r.EventID), string(r.Type), r.Origin.Site, r.Origin.Line, r.Origin.Device, r.PartID,
			string(r.Status), r.Outcome, r.Announcements)
	}
	pipe.Queue(sqlInboxInsert, text[0], text[1], text[2], text[3], text[4], text[5], text[6], text[7], text[8], b.at)
}

func (b *Batch) queueSerials(pipe *pgx.Batch, rows []*seriald.Serial) {
	n := len(rows)
	ids, triggers, internal := make([][16]byte, n), make([][16]byte, n), make([][16]byte, n)
	versions, text := make([]int32, n), texts(17, n)
	for i, s := range rows {
		ids[i], triggers[i], internal[i], versions[i] = s.ID, s.TriggerID, s.InternalSerialID, int32(s.FormatVersion) // came from an int4 column
		text.set(i, s.Number, s.PartID, s.SiteID, string(s.Source), string(s.Status), s.FormatID, s.WorkOrderID,
			s.LotNumber, s.OperationCode, s.VendorName, s.ReceivedDate, string(s.EventID), s.Line, s.Device, string(s.Attributes),
			s.RejectionReason, s.RetirementReason)
	}
	pipe.Queue(sqlSerialsInsert, ids, text[0], text[1], text[2], text[3], text[4], text[5], versions, triggers,
		text[6], text[7], text[8], text[9], text[10], text[11], b.at, text[12], text[13], text[14], internal, text[15], text[16])
}

func (b *Batch) queueSerialChanges(pipe *pgx.Batch, rows []*seriald.Serial) {
	n := len(rows)
	if n == 0 {
		return
	}
	ids, internal, text := make([][16]byte, n), make([][16]byte, n), texts(4, n)
	for i, s := range rows {
		ids[i], internal[i] = s.ID, s.InternalSerialID
		text.set(i, string(s.Source), string(s.Status), s.RejectionReason, s.RetirementReason)
	}
	pipe.Queue(sqlSerialsUpdate, ids, text[0], text[1], text[2], text[3], internal, b.at)
}

func (b *Batch) queuePlaceholders(pipe *pgx.Batch, rows []*seriald.Placeholder) {
	n := len(rows)
	ids, serials, triggers, text := make([][16]byte, n), make([][16]byte, n), make([][16]byte, n), texts(9, n)
	for i, p := range rows {
		ids[i], serials[i], triggers[i] = p.ID, p.SerialID, p.TriggerID
		text.set(i, p.PartID, p.SiteID, string(p.Status), p.WorkOrderID, p.OperationCode, p.LotNumber, p.FailureReason, p.Notes, string(p.EventID))
	}
	pipe.Queue(sqlPlaceholdersInsert, ids, text[0], text[1], text[2], text[3], text[4], text[5], serials, text[6], text[7],
		triggers, text[8], b.at)
}

func (b *Batch) queuePlaceholderChanges(pipe *pgx.Batch, rows []*seriald.Placeholder) {
	n := len(rows)
	ids, serials, text := make([][16]byte, n), make([][16]byte, n), texts(3, n)
	for i, p := range rows {
		ids[i], serials[i] = p.ID, p.SerialID
		text.set(i, string(p.Status), p.FailureReason, p.Notes)
	}
	pipe.Queue(sqlPlaceholdersUpdate, ids, text[0], serials, text[1], text[2], b.at)
}

func (b *Batch) queuePropagations(pipe *pgx.Batch, rows []*seriald.Propagation) {
	n := len(rows)
	if n == 0 {
		return
	}
	ids, serials, steps := make([][16]byte, n), make([][16]byte, n), make([][16]byte, n)
	sequences, quantities, text := make([]*int32, n), make([]*int32, n), texts(5, n)
	for i, p := range rows {
		ids[i], serials[i], steps[i] = p.ID, p.SerialID, p.PropagationID
		sequences[i], quantities[i] = intOrNull(p.RoutingSequence), intOrNull(p.Quantity)
		text.set(i, string(p.Type), p.OperationCode, p.WorkCenterID, p.Notes, string(p.EventID))
	}
	pipe.Queue(sqlPropagationsInsert, ids, serials, text[0], steps, text[1], text[2], sequences, quantities, text[3], text[4], b.at)
}

// intOrNull is NULL for nil; the rest was judged to fit.
func intOrNull(n *int) *int32 {
	if n == nil {
		return nil
	}
	fits := int32(*n)
	return &fits
}

func (b *Batch) queueTriggerCounts(pipe *pgx.Batch, rows []TriggerCount) {
	n := len(rows)
	if n == 0 {
		return
	}
	ids, parts := make([][16]byte, n), make([]string, n)
	fired, ignored, units := make([]int64, n), make([]int64, n), make([]int64, n)
	for i, r := range rows {
		ids[i], parts[i] = r.ID, r.PartID
		fired[i], ignored[i], units[i] = int64(r.Fired), int64(r.Ignored), int64(r.Units)
	}
	pipe.Queue(sqlTriggerStatisticsUpsert, ids, parts, fired, ignored, units, b.at)
}

func (b *Batch) queueConflicts(pipe *pgx.Batch, rows []ConflictRow) {
	n := len(rows)
	if n == 0 {
		return
	}
	ids, conflicts, text := make([][16]byte, n), make([][16]byte, n), texts(6, n)
	for i := range rows {
		r := &rows[i]
		ids[i], conflicts[i] = r.ID, r.ChallengerID
		text.set(i, string(r.Scope), r.ScopeKey, r.Canonical, r.Number, r.PartID, string(r.EventID))
	}
	pipe.Queue(sqlConflictsInsert, ids, text[0], text[1], text[2], text[3], text[4], conflicts, text[5], b.at)
}

func (b *Batch) queueAudit(pipe *pgx.Batch, rows []seriald.AuditEvent) {
	n := len(rows)
	ids, serials, deviceTimes, text := make([][16]byte, n), make([][16]byte, n), make([]*time.Time, n), texts(9, n)
	for i := range rows {
		r := &rows[i]
		ids[i], serials[i] = r.ID, r.SerialID
		if !r.DeviceTime.IsZero() {
			deviceTimes[i] = &r.DeviceTime
		}
		text.set(i, string(r.Type), string(r.Status), string(r.EventID), r.SerialNumber, r.PartID, r.SiteID,
			r.PerformedBy, string(r.NewValues), string(r.OldValues))
	}
	pipe.Queue(sqlAuditInsert, ids, text[0], text[1], text[2], serials, text[3], text[4], text[5], text[6], deviceTimes, text[7], b.at, text[8])
}

// columns are the text arrays of a statement, one per column.
type columns [][]string

// texts returns n rows of k text columns, in one allocation for all cells.
func texts(k, n int) columns {
	cells, c := make([]string, k*n), make(columns, k)
	for i := range c {
		c[i] = cells[i*n : (i+1)*n : (i+1)*n]
	}
	return c
}

func (c columns) set(row int, values ...string) {
	for i, v := range values {
		c[i][row] = v
	}
}
