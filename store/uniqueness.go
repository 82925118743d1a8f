package store

import (
	"context"
	_ "embed"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/machshop/seriald"
)

var (
	//go:embed sql/conflicts_pending.sql
	sqlConflictsPending string
	//go:embed sql/conflicts_history.sql
	sqlConflictsHistory string
	//go:embed sql/conflicts_of_number.sql
	sqlConflictsOfNumber string
	//go:embed sql/challengers_of.sql
	sqlChallengersOf string
	//go:embed sql/checks_of_number.sql
	sqlChecksOfNumber string
	//go:embed sql/uniqueness_statistics.sql
	sqlUniquenessStatistics string
)

// Holders returns who holds each of claims, in their order; nil if nobody does. It is
// what is true now: to have a claim, one has to make it.
func (db *DB) Holders(ctx context.Context, claims []seriald.Claim) ([]*Holder, error) {
	defer db.metrics.observe("holders")()
	text := texts(3, len(claims))
	for i := range claims {
		text.set(i, string(claims[i].Scope), claims[i].ScopeKey, claims[i].Canonical)
	}
	rows, err := db.pool.Query(ctx, sqlClaimsHeld, text[0], text[1], text[2])
	if err != nil {
		return nil, translate("read holders", err)
	}
	holders := make([]*Holder, len(claims))
	var ordinal int
	var h Holder
	_, err = pgx.ForEachRow(rows, h.columns(&ordinal), func() error {
		read := h
		holders[ordinal-1] = &read
		return nil
	})
	if err != nil {
		return nil, translate("read holders", err)
	}
	return holders, nil
}

// columns are where the columns of claims_held.sql go.
func (h *Holder) columns(ordinal *int) []any {
	return []any{ordinal, (*[16]byte)(&h.ClaimID), (*[16]byte)(&h.SerialID), &h.PartID, &h.EventID, &h.Number}
}

// maxChallengers is how many challengers of a conflict are read: the first, and as many
// as a person looks through.
const maxChallengers = 100

// ConflictsAfter is the place of a conflict in a list: the zero value is before all.
type ConflictsAfter struct {
	At time.Time // of its creation, or of its resolution in the history
	ID seriald.ID
}

// PendingConflicts returns up to limit open conflicts that come after a place, the oldest
// first: those of a part, whether it has or asked for the number, unless that is "". Of
// their challengers each has the first hundred.
func (db *DB) PendingConflicts(ctx context.Context, partID string, after ConflictsAfter, limit int) ([]*Conflict, error) {
	return db.conflicts(ctx, sqlConflictsPending, partID, timeOrNull(after.At), [16]byte(after.ID), limit)
}

// ConflictHistory returns up to limit resolved conflicts that come after a place, the one
// that was resolved last first, as [DB.PendingConflicts] does.
func (db *DB) ConflictHistory(ctx context.Context, partID string, after ConflictsAfter, limit int) ([]*Conflict, error) {
	return db.conflicts(ctx, sqlConflictsHistory, partID, timeOrNull(after.At), [16]byte(after.ID), limit)
}

// ConflictsOfNumber returns the conflicts about a number, as compared, of a part, as
// [DB.PendingConflicts] does.
func (db *DB) ConflictsOfNumber(ctx context.Context, canonical, partID string) ([]*Conflict, error) {
	return db.conflicts(ctx, sqlConflictsOfNumber, canonical, partID)
}

func (db *DB) conflicts(ctx context.Context, sql string, args ...any) ([]*Conflict, error) {
	defer db.metrics.observe("conflicts")()
	var found []*Conflict
	err := db.readPlanned(ctx, "read conflicts", func(pipe *pgx.Batch) {
		pipe.Queue(sql, args...).Query(func(rows pgx.Rows) (err error) {
			found, err = readConflicts(rows)
			return err
		})
	})
	if err != nil || len(found) == 0 {
		return nil, err
	}
	ids := make([][16]byte, len(found))
	for i, c := range found {
		ids[i] = c.ID
	}
	rows, err := db.pool.Query(ctx, sqlChallengersOf, ids, maxChallengers)
	if err == nil {
		err = readChallengers(rows, found)
	}
	return found, translate("read challengers", err)
}

// CheckStatus says what a [Check] is.
type CheckStatus string

// The statuses of checks.
const (
	CheckClaimed  CheckStatus = "CLAIMED"  // the number is held
	CheckReleased CheckStatus = "RELEASED" // the number was given up
	CheckConflict CheckStatus = "CONFLICT" // a claimed number was asked for
	CheckResolved CheckStatus = "RESOLVED" // a conflict that has ended
)

// Check is a row of the table of claims and conflicts.
type Check struct {
	ID         seriald.ID      `json:"id"`
	Scope      seriald.Scope   `json:"scope"`
	ScopeKey   string          `json:"scopeKey"`
	Number     string          `json:"serialNumber"`
	SerialID   seriald.ID      `json:"serialId,omitzero"`
	PartID     string          `json:"partId"`
	Status     CheckStatus     `json:"status"`
	EventID    seriald.EventID `json:"eventId"`
	CreatedAt  time.Time       `json:"createdAt"`
	ResolvedAt time.Time       `json:"resolvedAt,omitzero"`
}

// ChecksOfNumber returns up to limit claims and conflicts about a number as it is
// written, of a part; the oldest first.
func (db *DB) ChecksOfNumber(ctx context.Context, number, partID string, limit int) ([]Check, error) {
	defer db.metrics.observe("checks")()
	rows, err := db.pool.Query(ctx, sqlChecksOfNumber, number, partID, limit)
	if err != nil {
		return nil, translate("read checks", err)
	}
	var all []Check
	var c Check
	var resolved *time.Time
	_, err = pgx.ForEachRow(rows, []any{
		(*[16]byte)(&c.ID), &c.Scope, &c.ScopeKey, &c.Number, (*[16]byte)(&c.SerialID), &c.PartID, &c.Status, &c.EventID, &c.CreatedAt, &resolved,
	}, func() error {
		read := c
		read.CreatedAt, read.ResolvedAt = c.CreatedAt.UTC(), utcOrZero(resolved)
		all = append(all, read)
		return nil
	})
	return all, translate("read checks", err)
}

// UniquenessStatistics counts what a part claims.
type UniquenessStatistics struct {
	Unique         int64 // serials and registered numbers that hold a claim
	WithConflicts  int64 // of them, and of those before, whose number others asked for
	ConflictsEnded int64
}

// UniquenessStatistics returns how often numbers of a part were asked for again. The
// error is [ErrTooBroad] if they could not be counted in five seconds.
func (db *DB) UniquenessStatistics(ctx context.Context, partID string) (UniquenessStatistics, error) {
	defer db.metrics.observe("uniqueness")()
	var s UniquenessStatistics
	err := db.readPlanned(ctx, "count claims", func(pipe *pgx.Batch) {
		pipe.Queue(sqlUniquenessStatistics, partID).QueryRow(func(row pgx.Row) error {
			return row.Scan(&s.Unique, &s.WithConflicts, &s.ConflictsEnded)
		})
	})
	return s, err
}
