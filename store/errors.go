package store

import (
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"
)

var (
	// ErrRepeat says that another process was faster: run the batch again, on
	// what is there now.
	ErrRepeat = errors.New("must be repeated")
	// ErrBadData says that the database refuses what one of the rows holds; it
	// will refuse it again.
	ErrBadData = errors.New("refused by the database")
	// ErrUnavailable says that the database can't be reached or can't work:
	// wait, then try again. Nothing is wrong with the data.
	ErrUnavailable = errors.New("database unavailable")
	// ErrNotFound says that there is no such row.
	ErrNotFound = errors.New("not found")
)

// translate wraps err with what was being done and the sentinel it calls for.
func translate(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w: %w", doing, sentinel(err), err)
}

// raced are the unique indexes that judge between processes: who finds a row there
// that was not there when it looked has lost, and looks again.
var raced = []string{"processed_events_pkey", "idx_vendor_serials_internal_serial_id"}

func sentinel(err error) error {
	if errors.Is(err, ErrRepeat) {
		return ErrRepeat
	}
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || len(pg.Code) != 5 {
		return ErrUnavailable
	}
	switch {
	case pg.Code == "23502" && pg.TableName == "serial_conflict_challengers" && pg.ColumnName == "conflict_id": // resolved meanwhile
		return ErrRepeat
	case pg.Code == "40001", pg.Code == "40P01", // serialization failure, deadlock
		pg.Code == "23505" && slices.Contains(raced, pg.ConstraintName):
		return ErrRepeat
	case pg.Code[:2] == "22", pg.Code[:2] == "23", pg.Code[:2] == "54": // data, integrity, limits
		return ErrBadData
	}
	return ErrUnavailable
}
