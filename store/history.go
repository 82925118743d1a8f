package store

import (
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/machshop/seriald"
)

var (
	//go:embed sql/propagation_of_serial.sql
	sqlPropagationOfSerial string
	//go:embed sql/audit_conflicts_of_serial.sql
	sqlAuditConflictsOfSerial string
)

// maxHistory is how many audit events, steps and conflicts of a serial are read, of each:
// the newest, and far more than a unit has.
const maxHistory = 1000

// SerialHistory is what happened to a serial.
type SerialHistory struct {
	Serial    SerialRecord
	Entries   []HistoryEntry // the oldest first
	Truncated bool           // there are older entries that were not read
}

// HistoryEntry is one thing that happened: one of Audit, Propagation and Conflict is set.
type HistoryEntry struct {
	At          time.Time // of a conflict, when it was opened
	Audit       *AuditRecord
	Propagation *PropagationRecord
	Conflict    *Conflict // about its number, which it holds, or got by the resolution
}

// SerialHistory returns a serial with what happened to it in the order of time: what was
// audited of it, its steps through the routing, and the conflicts about its number. The
// error is [ErrNotFound] if there is no serial with this id, and [ErrTooBroad] if its
// history could not be found in five seconds.
func (db *DB) SerialHistory(ctx context.Context, id seriald.ID) (*SerialHistory, error) {
	serial, err := db.Serial(ctx, id)
	if err != nil {
		return nil, err
	}
	defer db.metrics.observe("serial_history")()
	audit, err := db.auditPage(ctx, sqlAuditList, &AuditFilter{SerialID: id, SerialNumber: serial.Number}, AuditPlace{}, maxHistory+1)
	if err != nil {
		return nil, err
	}
	conflicts, err := db.conflicts(ctx, sqlAuditConflictsOfSerial, [16]byte(id), serial.Number, maxHistory+1)
	if err != nil {
		return nil, err
	}
	var steps []PropagationRecord
	err = db.readPlanned(ctx, "read propagations", func(pipe *pgx.Batch) {
		pipe.Queue(sqlPropagationOfSerial, [16]byte(id), maxHistory+1).Query(func(rows pgx.Rows) (err error) {
			steps, err = readPropagations(rows)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	h := &SerialHistory{Serial: *serial, Truncated: max(len(audit), len(conflicts), len(steps)) > maxHistory}
	for i := range min(len(audit), maxHistory) {
		h.Entries = append(h.Entries, HistoryEntry{At: audit[i].PerformedAt, Audit: &audit[i]})
	}
	for i := range min(len(steps), maxHistory) {
		h.Entries = append(h.Entries, HistoryEntry{At: steps[i].CreatedAt, Propagation: &steps[i]})
	}
	for i := range min(len(conflicts), maxHistory) {
		h.Entries = append(h.Entries, HistoryEntry{At: conflicts[i].CreatedAt, Conflict: conflicts[i]})
	}
	// Of one time, that is of one batch, in the order in which it was decided.
	slices.SortFunc(h.Entries, func(a, b HistoryEntry) int {
		x, y := a.id(), b.id()
		return cmp.Or(a.At.Compare(b.At), bytes.Compare(x[:], y[:]))
	})
	return h, nil
}

func (e *HistoryEntry) id() seriald.ID {
	switch {
	case e.Audit != nil:
		return e.Audit.ID
	case e.Propagation != nil:
		return e.Propagation.ID
	}
	return e.Conflict.ID
}
