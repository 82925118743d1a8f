package store

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/machshop/seriald"
)

var (
	//go:embed sql/site_put.sql
	sqlSitePut string
	//go:embed sql/site_delete.sql
	sqlSiteDelete string
	//go:embed sql/part_put.sql
	sqlPartPut string
	//go:embed sql/part_delete.sql
	sqlPartDelete string
	//go:embed sql/trigger_put.sql
	sqlTriggerPut string
	//go:embed sql/trigger_delete.sql
	sqlTriggerDelete string
	//go:embed sql/format_put.sql
	sqlFormatPut string
	//go:embed sql/format_delete.sql
	sqlFormatDelete string
	//go:embed sql/format_assignments_drop.sql
	sqlFormatAssignmentsDrop string
	//go:embed sql/format_assignments_insert.sql
	sqlFormatAssignmentsInsert string
)

// MasterChange is a change of the master data: [SiteChange], [PartChange],
// [FormatChange] or [TriggerChange].
type MasterChange interface {
	queue(b *Batch, pipe *pgx.Batch)
}

// SiteChange is a site as it is from now on.
type SiteChange struct {
	Site    *seriald.Site
	Deleted bool // it is no more, and only its ID counts
}

func (c *SiteChange) queue(b *Batch, pipe *pgx.Batch) {
	if c.Deleted {
		pipe.Queue(sqlSiteDelete, c.Site.ID)
		return
	}
	pipe.Queue(sqlSitePut, c.Site.ID, c.Site.Name, c.Site.Location.String(), b.at)
}

// PartChange is a part as it is from now on.
type PartChange struct {
	Part    *seriald.Part
	Deleted bool // it is no more, and only its ID counts
}

func (c *PartChange) queue(b *Batch, pipe *pgx.Batch) {
	p := c.Part
	if c.Deleted {
		pipe.Queue(sqlPartDelete, p.ID)
		return
	}
	letters := "exact"
	if p.Rule.Fold {
		letters = "fold"
	}
	pipe.Queue(sqlPartPut, p.ID, p.Name, p.Type, p.GTIN, p.DefaultFormat, p.UniquenessScopes, p.VendorScopes,
		p.Rule.MinLength, p.Rule.MaxLength, p.Rule.Source(), string(p.Rule.Charset), letters, b.at)
}

// TriggerChange is a trigger as it is from now on.
type TriggerChange struct {
	Trigger *seriald.Trigger
	Deleted bool // it is no more, and only its ID counts
}

func (c *TriggerChange) queue(b *Batch, pipe *pgx.Batch) {
	t := c.Trigger
	if c.Deleted {
		pipe.Queue(sqlTriggerDelete, [16]byte(t.ID))
		return
	}
	conditions, err := json.Marshal(t.Conditions)
	if err != nil {
		panic("store: conditions that do not encode: " + err.Error()) // they were decoded
	}
	pipe.Queue(sqlTriggerPut, [16]byte(t.ID), t.PartID, string(t.Type), t.OperationCode, string(conditions), string(t.AssignmentType),
		t.FormatID, t.BatchMode, t.BatchSize, t.Priority, t.Active, b.at)
}

// FormatChange is a format with its assignments as they are from now on. Its
// version is the database's to raise.
type FormatChange struct {
	Format      seriald.Format
	Deleted     bool // it is no more, and only its ID counts
	Assignments []*seriald.FormatAssignment
}

func (c *FormatChange) queue(b *Batch, pipe *pgx.Batch) {
	f := &c.Format
	pipe.Queue(sqlFormatAssignmentsDrop, f.ID)
	if c.Deleted {
		pipe.Queue(sqlFormatDelete, f.ID, b.at)
		return
	}
	pipe.Queue(sqlFormatPut, f.ID, f.Name, f.Pattern, f.Start, f.Increment, string(f.Reset), string(f.CounterScope), f.Active, b.at)
	n := len(c.Assignments)
	if n == 0 {
		return
	}
	priorities, from, until, text := make([]int32, n), make([]*time.Time, n), make([]*time.Time, n), texts(2, n)
	for i, a := range c.Assignments {
		priorities[i], from[i], until[i] = int32(a.Priority), timeOrNull(a.ValidFrom), timeOrNull(a.ValidUntil) // was judged to fit
		text.set(i, a.PartID, a.PartType)
	}
	pipe.Queue(sqlFormatAssignmentsInsert, f.ID, text[0], text[1], priorities, from, until)
}

// LockCatalog keeps everybody else from changing the master data until b ends. The
// error is [ErrRepeat] if it is no longer of this version: what was judged by it has
// to be judged again.
func (b *Batch) LockCatalog(ctx context.Context, version int64) error {
	var now int64
	if err := b.conn.QueryRow(ctx, sqlCatalogLock).Scan(&now); err != nil {
		return translate("lock catalog", err)
	}
	if now != version {
		return fmt.Errorf("lock catalog: it is of version %d, not %d: %w", now, version, ErrRepeat)
	}
	return nil
}

// timeOrNull is NULL for a zero time.
func timeOrNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
