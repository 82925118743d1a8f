package store

import (
	"context"
	_ "embed"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

var (
	//go:embed sql/login_failures_read.sql
	sqlLoginFailuresRead string
	//go:embed sql/login_failures_put.sql
	sqlLoginFailuresPut string
	//go:embed sql/login_failures_drop.sql
	sqlLoginFailuresDrop string
	//go:embed sql/login_failures_prune.sql
	sqlLoginFailuresPrune string
)

// LoginFailures are the wrong passwords in a row of who has a key: a user name or an
// address. Times are by the database's clock, which all processes share.
type LoginFailures struct {
	Key         string // at most 512 bytes
	Failures    int
	FailedAt    time.Time // the last one
	LockedUntil time.Time
}

// UserKey is the key of a user's name.
func UserKey(name string) string { return "user " + name }

// LoginFailures returns what is known of keys, in no order, and when that was. A key
// without failures is not there.
func (db *DB) LoginFailures(ctx context.Context, keys []string) (known []LoginFailures, now time.Time, err error) {
	defer db.metrics.observe("login_failures")()
	var pipe pgx.Batch
	queueLoginFailures(&pipe, keys, &known, &now)
	err = db.pool.SendBatch(ctx, &pipe).Close()
	return known, now, translate("read login failures", err)
}

func queueLoginFailures(pipe *pgx.Batch, keys []string, known *[]LoginFailures, now *time.Time) {
	pipe.Queue("SELECT clock_timestamp()").QueryRow(func(row pgx.Row) error { return row.Scan(now) })
	pipe.Queue(sqlLoginFailuresRead, keys).Query(func(rows pgx.Rows) (err error) {
		*known, err = pgx.CollectRows(rows, pgx.RowToStructByPos[LoginFailures])
		return err
	})
}

// ChangeLoginFailures has change say what is known of keys from now on, by what is known of
// them now: nobody else changes that meanwhile. What it returns without failures is
// forgotten, and what it does not return stays. Others that failed last before forget, and
// are not locked since, are forgotten, too.
func (db *DB) ChangeLoginFailures(ctx context.Context, keys []string, forget time.Duration,
	change func(known []LoginFailures, now time.Time) []LoginFailures,
) error {
	defer db.metrics.observe("login_failures")()
	err := pgx.BeginFunc(ctx, db.pool, func(tx pgx.Tx) error {
		var pipe pgx.Batch
		// A key that has no row yet can't be locked by it. In one order, or two could wait
		// for each other.
		for _, key := range slices.Sorted(slices.Values(keys)) {
			pipe.Queue("SELECT pg_advisory_xact_lock(hashtextextended('login ' || $1, 0))", key)
		}
		var known []LoginFailures
		var now time.Time
		queueLoginFailures(&pipe, keys, &known, &now)
		if err := tx.SendBatch(ctx, &pipe).Close(); err != nil {
			return err
		}
		pipe = pgx.Batch{}
		var gone []string
		for _, f := range change(known, now) {
			if f.Failures == 0 {
				gone = append(gone, f.Key)
				continue
			}
			pipe.Queue(sqlLoginFailuresPut, f.Key, f.Failures, f.FailedAt, f.LockedUntil)
		}
		if len(gone) > 0 {
			pipe.Queue(sqlLoginFailuresDrop, gone)
		}
		pipe.Queue(sqlLoginFailuresPrune, now.Add(-forget))
		return tx.SendBatch(ctx, &pipe).Close()
	})
	return translate("count login failures", err)
}
