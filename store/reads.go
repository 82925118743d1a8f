package store

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/machshop/seriald"
)

// ErrTooBroad says that a list was not found in the time that a read may take: what is
// asked for is left to be looked for in too many rows. A filter with an index helps.
var ErrTooBroad = errors.New("too broad to be read")

// listTimeout bounds how long a list is looked for. Who waits for it is a person; and
// a list that needs more has to read tables that batches need the memory for.
const listTimeout = 5 * time.Second

// readPlanned sends statements whose filters are optional, in one round trip. Each is
// planned for its very parameters, and given up after listTimeout, with [ErrTooBroad].
//
// The server would sooner or later use one plan for all parameters, whatever is asked
// for; that one goes through the whole table in the order of its ids.
func (db *DB) readPlanned(ctx context.Context, doing string, queue func(pipe *pgx.Batch)) error {
	var pipe pgx.Batch
	pipe.Queue("BEGIN READ ONLY")
	pipe.Queue("SET LOCAL plan_cache_mode = force_custom_plan")
	pipe.Queue(fmt.Sprintf("SET LOCAL statement_timeout = %d", listTimeout.Milliseconds()))
	queue(&pipe)
	pipe.Queue("COMMIT")
	// After an error the connection is still in the transaction; the pool closes it.
	err := db.pool.SendBatch(ctx, &pipe).Close()
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == "57014" { // canceled
		return fmt.Errorf("%s: %w: %w", doing, ErrTooBroad, err)
	}
	return translate(doing, err)
}

// notFound is [ErrNotFound] for a row that is not there.
func notFound(doing string, err error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return ErrNotFound
	}
	return translate(doing, err)
}

//go:embed sql/recorded_event.sql
var sqlRecordedEvent string

// RecordedEvent is an event that was processed, as the audit keeps it.
type RecordedEvent struct {
	Event  seriald.Event // without its key, its time and its trace
	PartID string        // that was found for it; "" if none was
}

// RecordedEvent returns an event that was processed. The error is [ErrNotFound] if
// there was none with this id, or if its request is not in the audit (any more).
func (db *DB) RecordedEvent(ctx context.Context, id seriald.EventID) (*RecordedEvent, error) {
	defer db.metrics.observe("recorded_event")()
	r := &RecordedEvent{Event: seriald.Event{ID: id}}
	o := &r.Event.Origin
	var request []byte
	err := db.pool.QueryRow(ctx, sqlRecordedEvent, string(id)).Scan(&r.Event.Type, &o.Site, &o.Line, &o.Device, &r.PartID, &request)
	if err != nil {
		return nil, notFound("read recorded event", err)
	}
	if request == nil {
		return nil, ErrNotFound
	}
	r.Event.Data = request
	return r, nil
}
