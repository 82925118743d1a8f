package store

import (
	"context"
	_ "embed"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/machshop/seriald"
)

var (
	//go:embed sql/trigger_read.sql
	sqlTriggerRead string
	//go:embed sql/triggers_of_part.sql
	sqlTriggersOfPart string
	//go:embed sql/trigger_totals.sql
	sqlTriggerTotals string
)

// TriggerStatistics is what a trigger, or all of a part, did so far.
type TriggerStatistics struct {
	Fired       int64
	Ignored     int64     // occurrences of its kind at its part that it did not match
	Units       int64     // that got numbers or placeholders by it
	LastFiredAt time.Time // zero if it never fired
}

// TriggerUse is a trigger with what it did.
type TriggerUse struct {
	seriald.Trigger
	Statistics           TriggerStatistics
	CreatedAt, UpdatedAt time.Time
}

// TriggerUse returns a trigger with what it did. The error is [ErrNotFound] if there is
// none with this id.
func (db *DB) TriggerUse(ctx context.Context, id seriald.ID) (*TriggerUse, error) {
	all, err := db.triggers(ctx, sqlTriggerRead, [16]byte(id))
	switch {
	case err != nil:
		return nil, err
	case len(all) == 0:
		return nil, ErrNotFound
	}
	return &all[0], nil
}

// TriggersOfPart returns all triggers of a part, in the order in which they fire: none
// if there is no such part.
func (db *DB) TriggersOfPart(ctx context.Context, partID string) ([]TriggerUse, error) {
	return db.triggers(ctx, sqlTriggersOfPart, partID)
}

func (db *DB) triggers(ctx context.Context, sql string, of any) ([]TriggerUse, error) {
	defer db.metrics.observe("triggers")()
	rows, err := db.pool.Query(ctx, sql, of)
	if err != nil {
		return nil, translate("read triggers", err)
	}
	var all []TriggerUse
	var u TriggerUse
	t, s := &u.Trigger, &u.Statistics
	var conditions []byte
	var last *time.Time
	_, err = pgx.ForEachRow(rows, []any{
		(*[16]byte)(&t.ID), &t.PartID, &t.Type, &t.OperationCode, &conditions, &t.AssignmentType, &t.FormatID, &t.BatchMode, &t.BatchSize,
		&t.Priority, &t.Active, &u.CreatedAt, &u.UpdatedAt, &s.Fired, &s.Ignored, &s.Units, &last,
	}, func() error {
		if t.Conditions, err = seriald.ParseConditions(conditions); err != nil {
			return fmt.Errorf("trigger %s: %w", t.ID, err)
		}
		u.CreatedAt, u.UpdatedAt, s.LastFiredAt = u.CreatedAt.UTC(), u.UpdatedAt.UTC(), utcOrZero(last)
		all = append(all, u)
		return nil
	})
	return all, translate("read triggers", err)
}

// TriggerTotals returns what all triggers that a part ever had did together: those that
// are deleted count on, and one that was moved to another part counts where it was
// first.
func (db *DB) TriggerTotals(ctx context.Context, partID string) (TriggerStatistics, error) {
	defer db.metrics.observe("triggers")()
	var s TriggerStatistics
	var last *time.Time
	err := db.pool.QueryRow(ctx, sqlTriggerTotals, partID).Scan(&s.Fired, &s.Ignored, &s.Units, &last)
	s.LastFiredAt = utcOrZero(last)
	return s, translate("sum up triggers", err)
}

// utcOrZero is the zero time for NULL.
func utcOrZero(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}
