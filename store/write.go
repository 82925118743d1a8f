package store

import (
	"context"
	_ "embed"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/machshop/seriald"
)

var (
	//go:embed sql/inbox_insert.sql
	sqlInboxInsert string
	//go:embed sql/serials_insert.sql
	sqlSerialsInsert string
	//go:embed sql/conflicts_insert.sql
	sqlConflictsInsert string
	//go:embed sql/audit_insert.sql
	sqlAuditInsert string
)

// Changes are the rows a batch makes, beside its claims.
type Changes struct {
	Inbox     []InboxRow
	Serials   []*seriald.Serial
	Conflicts []ConflictRow
	Audit     []seriald.AuditEvent
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

// ConflictRow is a claim that was asked for and not to be had. The rows of one
// event share ConflictID.
type ConflictRow struct {
	ID         seriald.ID
	ConflictID seriald.ID
	EventID    seriald.EventID
	seriald.Claim
}

// Write writes c and commits, in one round trip per auditRows audit events (the
// most in one statement). On an error nothing of the batch is there, unless the
// connection was lost while committing: then the inbox says which it was.
func (b *Batch) Write(ctx context.Context, c *Changes, auditRows int) error {
	defer b.db.metrics.observe("write")()
	var pipe pgx.Batch
	b.queueInbox(&pipe, c.Inbox)
	b.queueSerials(&pipe, c.Serials)
	b.queueConflicts(&pipe, c.Conflicts)
	for rest := c.Audit; len(rest) > 0; {
		n := min(len(rest), auditRows)
		b.queueAudit(&pipe, rest[:n])
		rest = rest[n:]
	}
	pipe.Queue("COMMIT")
	if err := b.conn.SendBatch(ctx, &pipe).Close(); err != nil {
		b.Rollback()
		return translate("write", err)
	}
	b.release()
	return nil
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
	if n == 0 {
		return
	}
	ids, triggers, versions, text := make([][16]byte, n), make([][16]byte, n), make([]int32, n), texts(12, n)
	for i, s := range rows {
		ids[i], triggers[i], versions[i] = s.ID, s.TriggerID, int32(s.FormatVersion) // came from an int4 column
		text.set(i, s.Number, s.PartID, s.SiteID, string(s.Source), string(s.Status), s.FormatID, s.WorkOrderID,
			s.LotNumber, s.OperationCode, s.VendorName, s.ReceivedDate, string(s.EventID))
	}
	pipe.Queue(sqlSerialsInsert, ids, text[0], text[1], text[2], text[3], text[4], text[5], versions, triggers,
		text[6], text[7], text[8], text[9], text[10], text[11], b.at)
}

func (b *Batch) queueConflicts(pipe *pgx.Batch, rows []ConflictRow) {
	n := len(rows)
	if n == 0 {
		return
	}
	ids, conflicts, text := make([][16]byte, n), make([][16]byte, n), texts(6, n)
	for i := range rows {
		r := &rows[i]
		ids[i], conflicts[i] = r.ID, r.ConflictID
		text.set(i, string(r.Scope), r.ScopeKey, r.Canonical, r.Number, r.PartID, string(r.EventID))
	}
	pipe.Queue(sqlConflictsInsert, ids, text[0], text[1], text[2], text[3], text[4], conflicts, text[5], b.at)
}

func (b *Batch) queueAudit(pipe *pgx.Batch, rows []seriald.AuditEvent) {
	n := len(rows)
	ids, serials, deviceTimes, text := make([][16]byte, n), make([][16]byte, n), make([]*time.Time, n), texts(8, n)
	for i := range rows {
		r := &rows[i]
		ids[i], serials[i] = r.ID, r.SerialID
		if !r.DeviceTime.IsZero() {
			deviceTimes[i] = &r.DeviceTime
		}
		text.set(i, string(r.Type), string(r.Status), string(r.EventID), r.SerialNumber, r.PartID, r.SiteID,
			r.PerformedBy, string(r.NewValues))
	}
	pipe.Queue(sqlAuditInsert, ids, text[0], text[1], text[2], serials, text[3], text[4], text[5], text[6], deviceTimes, text[7], b.at)
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
