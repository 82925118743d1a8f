package store

import (
	"context"
	_ "embed"

	"github.com/jackc/pgx/v5"

	"github.com/machshop/seriald"
)

var (
	//go:embed sql/placeholders_pending_count.sql
	sqlPlaceholdersPendingCount string
	//go:embed sql/conflicts_pending_count.sql
	sqlConflictsPendingCount string
	//go:embed sql/conflicts_history_count.sql
	sqlConflictsHistoryCount string
)

// count returns the one number of a statement that is planned for its parameters.
func (db *DB) count(ctx context.Context, doing, sql string, args ...any) (n int, err error) {
	err = db.readPlanned(ctx, doing, func(pipe *pgx.Batch) {
		pipe.Queue(sql, args...).QueryRow(func(row pgx.Row) error { return row.Scan(&n) })
	})
	return n, err
}

// CountSerials returns how many serials f means, counted up to most. The error is
// [ErrTooBroad] if they could not be counted in five seconds.
func (db *DB) CountSerials(ctx context.Context, f *SerialFilter, most int) (int, error) {
	defer db.metrics.observe("serials")()
	total := 0
	err := db.readPlanned(ctx, "count serials", func(pipe *pgx.Batch) {
		for _, source := range f.sources() {
			pipe.Queue(sqlSerialsCountOf[source], f.args(seriald.ID{}, most)...).QueryRow(func(row pgx.Row) error {
				var n int
				err := row.Scan(&n)
				total += n
				return err
			})
		}
	})
	return min(total, most), err
}

// CountPendingPlaceholders returns how many placeholders wait, counted up to most: those
// that [DB.PendingPlaceholders] would return, whatever of.Count is. The error is
// [ErrTooBroad] if they could not be counted in five seconds.
func (db *DB) CountPendingPlaceholders(ctx context.Context, of PendingRef, most int) (int, error) {
	defer db.metrics.observe("placeholders")()
	return db.count(ctx, "count placeholders that wait", sqlPlaceholdersPendingCount, of.PartID, of.WorkOrderID, of.LotNumber, most)
}

// CountConflicts returns how many conflicts are open, or resolved, counted up to most: those
// of a part, whether it has or asked for the number, unless that is "". The error is
// [ErrTooBroad] if they could not be counted in five seconds.
func (db *DB) CountConflicts(ctx context.Context, partID string, resolved bool, most int) (int, error) {
	defer db.metrics.observe("conflicts")()
	sql := sqlConflictsPendingCount
	if resolved {
		sql = sqlConflictsHistoryCount
	}
	return db.count(ctx, "count conflicts", sql, partID, most)
}
