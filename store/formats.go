package store

import (
	"context"
	_ "embed"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/machshop/seriald"
)

//go:embed sql/format_read.sql
var sqlFormatRead string

// FormatUse is a format with how much of it was used.
type FormatUse struct {
	seriald.Format
	UpdatedAt time.Time
	Most      int64 // values taken from the counter from which most were
	Taken     int64 // values taken from all its counters
}

// FormatUse returns a format with its use. The error is [ErrNotFound] if there is
// none.
func (db *DB) FormatUse(ctx context.Context, id string) (*FormatUse, error) {
	defer db.metrics.observe("format")()
	u := &FormatUse{Format: seriald.Format{ID: id}}
	f := &u.Format
	err := db.pool.QueryRow(ctx, sqlFormatRead, id).Scan(&f.Version, &f.Name, &f.Active, &f.Pattern, &f.Start, &f.Increment, &f.Reset, &f.CounterScope,
		&u.UpdatedAt, &u.Most, &u.Taken)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, translate("read format", err)
	}
	return u, nil
}
