package store

import (
	"context"
	_ "embed"

	"github.com/jackc/pgx/v5"

	"github.com/machshop/seriald"
)

var (
	//go:embed sql/propagation_list.sql
	sqlPropagationList string
	//go:embed sql/propagation_count.sql
	sqlPropagationCount string
	//go:embed sql/propagation_statistics.sql
	sqlPropagationStatistics string
)

// PropagationRecord is a step of a unit as it is in the database.
type PropagationRecord struct {
	seriald.Propagation
	SerialNumber string
}

// PropagationFilter says which steps of the units of a part are meant: those that all of
// its fields hold for. OperationCode and Type hold for all if they are "".
type PropagationFilter struct {
	PartID        string
	OperationCode string
	Type          seriald.PropagationType
}

func (f *PropagationFilter) args() []any { return []any{f.PartID, f.OperationCode, string(f.Type)} }

// Propagations returns up to limit steps that f means, the newest (by their ids) first; of
// those only that are older than before, unless that is zero. The error is [ErrTooBroad] if
// they could not be found in five seconds: where a part has many units, and other parts have
// passed on since.
func (db *DB) Propagations(ctx context.Context, f *PropagationFilter, before seriald.ID, limit int) ([]PropagationRecord, error) {
	defer db.metrics.observe("propagations")()
	var found []PropagationRecord
	err := db.readPlanned(ctx, "list propagations", func(pipe *pgx.Batch) {
		pipe.Queue(sqlPropagationList, append(f.args(), idOrNull(before), limit)...).Query(func(rows pgx.Rows) (err error) {
			found, err = readPropagations(rows)
			return err
		})
	})
	return found, err
}

// readPropagations reads the rows of propagation_list.sql and propagation_of_serial.sql.
func readPropagations(rows pgx.Rows) ([]PropagationRecord, error) {
	var found []PropagationRecord
	var r PropagationRecord
	_, err := pgx.ForEachRow(rows, []any{
		(*[16]byte)(&r.ID), (*[16]byte)(&r.SerialID), &r.SerialNumber, &r.Type, (*[16]byte)(&r.PropagationID), &r.OperationCode, &r.WorkCenterID,
		&r.RoutingSequence, &r.Quantity, &r.Notes, &r.EventID, &r.CreatedAt,
	}, func() error {
		r.CreatedAt = r.CreatedAt.UTC()
		found = append(found, r)
		return nil
	})
	return found, err
}

// CountPropagations returns how many steps f means, counted up to most. The error is
// [ErrTooBroad] if they could not be counted in five seconds.
func (db *DB) CountPropagations(ctx context.Context, f *PropagationFilter, most int) (int, error) {
	defer db.metrics.observe("propagations")()
	return db.count(ctx, "count propagations", sqlPropagationCount, append(f.args(), most)...)
}

// PropagationStatistics counts the steps of the units of a part.
type PropagationStatistics struct {
	Total       int64                             `json:"totalPropagations"`
	ByType      map[seriald.PropagationType]int64 `json:"byType"` // never nil, as ByOperation
	ByOperation map[string]int64                  `json:"byOperation"`
	// AverageDepth is from how many generations of other units a unit was made: 0, as
	// a pass-through makes none.
	AverageDepth float64 `json:"averageDepth"`
}

// PropagationStatistics counts the steps of the units of a part: zeros if there is none. The
// error is [ErrTooBroad] if they could not be counted in five seconds.
func (db *DB) PropagationStatistics(ctx context.Context, partID string) (*PropagationStatistics, error) {
	defer db.metrics.observe("propagations")()
	s := &PropagationStatistics{ByType: map[seriald.PropagationType]int64{}, ByOperation: map[string]int64{}}
	err := db.readPlanned(ctx, "count propagations", func(pipe *pgx.Batch) {
		pipe.Queue(sqlPropagationStatistics, partID).Query(func(rows pgx.Rows) error {
			var t seriald.PropagationType
			var operation string
			var n int64
			_, err := pgx.ForEachRow(rows, []any{&t, &operation, &n}, func() error {
				s.Total += n
				s.ByType[t] += n
				s.ByOperation[operation] += n
				return nil
			})
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}
