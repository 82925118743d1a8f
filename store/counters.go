package store

import (
	"context"
	_ "embed"

	"github.com/jackc/pgx/v5"
)

//go:embed sql/counters_take.sql
var sqlCountersTake string

// Counter names one counter: of a format, for what its scope says, in a period.
type Counter struct {
	FormatID string
	Scope    string
	Period   string
}

// TakeCounters takes n values of each counter, in one statement that commits at
// once: what was taken is not given out again, used or not. It is on disk when anything
// is that is committed later; what a crash of the server takes back before was given to
// nobody. It returns the first ordinal of each block, from 0.
func (db *DB) TakeCounters(ctx context.Context, takes map[Counter]int64) (map[Counter]int64, error) {
	defer db.metrics.observe("counters")()
	text, counts := texts(3, len(takes)), make([]int64, 0, len(takes))
	for c, n := range takes {
		text.set(len(counts), c.FormatID, c.Scope, c.Period)
		counts = append(counts, n)
	}
	rows, err := db.pool.Query(ctx, sqlCountersTake, text[0], text[1], text[2], counts)
	if err != nil {
		return nil, translate("take counters", err)
	}
	first := make(map[Counter]int64, len(takes))
	var c Counter
	var taken int64
	_, err = pgx.ForEachRow(rows, []any{&c.FormatID, &c.Scope, &c.Period, &taken}, func() error {
		first[c] = taken - takes[c]
		return nil
	})
	if err != nil {
		return nil, translate("take counters", err)
	}
	return first, nil
}
