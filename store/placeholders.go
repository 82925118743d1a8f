package store

import (
	"context"
	_ "embed"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/machshop/seriald"
)

var (
	//go:embed sql/placeholders_waiting.sql
	sqlPlaceholdersWaiting string
	//go:embed sql/placeholder_read.sql
	sqlPlaceholderRead string
	//go:embed sql/placeholders_pending.sql
	sqlPlaceholdersPending string
	//go:embed sql/placeholders_statistics.sql
	sqlPlaceholdersStatistics string
)

// PlaceholdersWaiting returns how many units wait for their numbers, and how long the
// oldest of them has; 0 if none does.
func (db *DB) PlaceholdersWaiting(ctx context.Context) (count int, oldest time.Duration, err error) {
	defer db.metrics.observe("placeholders")()
	var seconds float64
	if err := db.pool.QueryRow(ctx, sqlPlaceholdersWaiting).Scan(&count, &seconds); err != nil {
		return 0, 0, translate("count placeholders", err)
	}
	return count, duration(seconds), nil
}

func duration(seconds float64) time.Duration { return time.Duration(seconds * float64(time.Second)) }

// PlaceholderRecord is a placeholder as it is in the database.
type PlaceholderRecord struct {
	seriald.Placeholder
	ResolvedAt   time.Time // when it got its number or was given up; zero until then
	SerialNumber string    // that it got; "" unless it is SERIALIZED
}

// Placeholder returns a placeholder. The error is [ErrNotFound] if there is none with
// this id.
func (db *DB) Placeholder(ctx context.Context, id seriald.ID) (*PlaceholderRecord, error) {
	defer db.metrics.observe("placeholders")()
	r := &PlaceholderRecord{}
	p := &r.Placeholder
	var resolved *time.Time
	err := db.pool.QueryRow(ctx, sqlPlaceholderRead, [16]byte(id)).Scan((*[16]byte)(&p.ID), &p.PartID, &p.SiteID, &p.Status,
		&p.WorkOrderID, &p.LotNumber, &p.OperationCode, (*[16]byte)(&p.TriggerID), (*[16]byte)(&p.SerialID), &p.FailureReason, &p.Notes,
		&p.EventID, &p.CreatedAt, &resolved, &r.SerialNumber)
	if err != nil {
		return nil, notFound("read placeholder", err)
	}
	p.CreatedAt, r.ResolvedAt = p.CreatedAt.UTC(), utcOrZero(resolved)
	return r, nil
}

// PendingAfter is the place of a placeholder in the order in which those that wait get
// their numbers: the zero value is before all.
type PendingAfter struct {
	CreatedAt time.Time
	ID        seriald.ID
}

// PendingPlaceholders returns placeholders that wait, of a part, a work order and a lot
// unless these are "": up to of.Count that come after a place, the oldest first. The
// error is [ErrTooBroad] if they could not be found in five seconds: of a part alone, or
// of all, they always can be.
func (db *DB) PendingPlaceholders(ctx context.Context, of PendingRef, after PendingAfter) ([]seriald.Placeholder, error) {
	defer db.metrics.observe("placeholders")()
	args := []any{of.PartID, of.WorkOrderID, of.LotNumber, timeOrNull(after.CreatedAt), [16]byte(after.ID), of.Count}
	var found []seriald.Placeholder
	read := func(rows pgx.Rows) error {
		var p seriald.Placeholder
		_, err := pgx.ForEachRow(rows, []any{
			(*[16]byte)(&p.ID), &p.PartID, &p.SiteID, &p.Status, &p.WorkOrderID, &p.LotNumber,
			&p.OperationCode, (*[16]byte)(&p.TriggerID), &p.Notes, &p.EventID, &p.CreatedAt,
		}, func() error {
			p.CreatedAt = p.CreatedAt.UTC()
			found = append(found, p)
			return nil
		})
		return err
	}
	err := db.readPlanned(ctx, "list placeholders", func(pipe *pgx.Batch) { pipe.Queue(sqlPlaceholdersPending, args...).Query(read) })
	return found, err
}

// PlaceholderStatistics counts the placeholders that a part ever had.
type PlaceholderStatistics struct {
	Pending, Serialized, Failed int64
	// AverageWait is how long those that got their numbers had waited; OldestWait how
	// long the oldest of those that wait has.
	AverageWait, OldestWait time.Duration
}

// PlaceholderStatistics returns what became of the placeholders of a part: zeros if it
// never had one.
func (db *DB) PlaceholderStatistics(ctx context.Context, partID string) (PlaceholderStatistics, error) {
	defer db.metrics.observe("placeholders")()
	var s PlaceholderStatistics
	var average, oldest float64
	err := db.pool.QueryRow(ctx, sqlPlaceholdersStatistics, partID).Scan(&s.Pending, &s.Serialized, &s.Failed, &average, &oldest)
	if err != nil {
		return PlaceholderStatistics{}, translate("count placeholders of a part", err)
	}
	s.AverageWait, s.OldestWait = duration(average), duration(oldest)
	return s, nil
}
