package store

import (
	"context"
	_ "embed"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

//go:embed sql/audit_months.sql
var sqlAuditMonths string

// monthsAhead is how many months of audit partitions are made in advance: a
// service that runs a quarter of a year makes them as it goes.
const monthsAhead = 3

// monthsLock names the advisory lock of the one process that makes partitions:
// "months".
const monthsLock = 0x6d6f6e746873

// EnsureAuditMonths makes the audit partitions of the month of now and of those
// that follow. What is there already stays; several processes may do it at once.
func (db *DB) EnsureAuditMonths(ctx context.Context, now time.Time) error {
	return translate("make audit months", pgx.BeginFunc(ctx, db.pool, func(tx pgx.Tx) error {
		// IF NOT EXISTS alone loses a race with another process that does the same.
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", int64(monthsLock)); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, sqlAuditMonths)
		if err != nil {
			return err
		}
		have, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return err
		}
		first := time.Date(now.UTC().Year(), now.UTC().Month(), 1, 0, 0, 0, 0, time.UTC)
		for m := range monthsAhead + 1 {
			from := first.AddDate(0, m, 0)
			name := "audit_events_" + from.Format("200601")
			if slices.Contains(have, name) {
				continue
			}
			// Names and bounds are ours; DDL takes no parameters.
			sql := fmt.Sprintf("CREATE TABLE %s PARTITION OF audit_events FOR VALUES FROM ('%s') TO ('%s')",
				name, from.Format(time.DateOnly), from.AddDate(0, 1, 0).Format(time.DateOnly))
			if _, err := tx.Exec(ctx, sql); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		return nil
	}))
}
