package store

import (
	"context"
	_ "embed"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/machshop/seriald"
)

var (
	//go:embed sql/audit_list.sql
	sqlAuditList string
	//go:embed sql/audit_count.sql
	sqlAuditCount string
	//go:embed sql/audit_statistics.sql
	sqlAuditStatistics string
	//go:embed sql/audit_keys.sql
	sqlAuditKeys string
)

// AuditRecord is an audit event as it is in the database, and its JSON is how it is shown.
type AuditRecord struct {
	ID           seriald.ID          `json:"id"`
	Type         seriald.AuditType   `json:"eventType"`
	Status       seriald.AuditStatus `json:"status"`
	EventID      seriald.EventID     `json:"eventId,omitempty"` // "" if no event was its cause
	SerialID     seriald.ID          `json:"serialId,omitzero"`
	SerialNumber string              `json:"serialNumber,omitempty"`
	PartID       string              `json:"partId,omitempty"`
	SiteID       string              `json:"siteId,omitempty"`
	PerformedBy  string              `json:"performedBy"`
	PerformedAt  time.Time           `json:"performedAt"`         // by the service's clock, in UTC
	DeviceTime   time.Time           `json:"deviceTime,omitzero"` // by the device's clock, in UTC
	// OldValues and NewValues are JSON, written as it came; nil if there are none.
	OldValues json.RawMessage `json:"oldValues,omitempty"`
	NewValues json.RawMessage `json:"newValues,omitempty"`
}

// AuditFilter says which audit events are meant: those that all of its fields hold for. A
// zero field holds for all.
//
// All have an index but SiteID, and a SerialID or an EventID that the database does not
// know (any more): these only narrow what the others find, and are looked for in all else.
type AuditFilter struct {
	PartID       string
	SerialNumber string // as on the part
	Type         seriald.AuditType
	PerformedBy  string
	Status       seriald.AuditStatus
	EventID      seriald.EventID
	SerialID     seriald.ID
	SiteID       string
	From, To     time.Time // of PerformedAt; To is the first instant that is not meant
}

// args are the first parameters of the statements that read the audit.
func (f *AuditFilter) args() []any {
	return []any{
		f.PartID, f.SerialNumber, string(f.Type), f.PerformedBy, string(f.Status), string(f.EventID), idOrNull(f.SerialID), f.SiteID,
		timeOrNull(f.From), timeOrNull(f.To),
	}
}

// within narrows f to a stretch of time.
func (f *AuditFilter) within(from, to time.Time) {
	if f.From.Before(from) {
		f.From = from
	}
	if f.To.IsZero() || f.To.After(to) {
		f.To = to
	}
}

// recent narrows f to the month, and the one before it, of the newest that it may mean, if
// these were performed before last or, if that is zero, up to now. ok is false if f asks for
// no more itself.
func (f *AuditFilter) recent(last time.Time) (narrowed AuditFilter, ok bool) {
	until := time.Now()
	for _, t := range []time.Time{f.To, last} {
		if !t.IsZero() && t.Before(until) {
			until = t
		}
	}
	until = until.UTC()
	narrowed = *f
	narrowed.From = time.Date(until.Year(), until.Month()-1, 1, 0, 0, 0, 0, time.UTC)
	return narrowed, f.From.Before(narrowed.From)
}

// AuditPlace is the place of an audit event in a list: the zero value is before all.
type AuditPlace struct {
	PerformedAt time.Time
	ID          seriald.ID
}

// AuditEvents returns up to limit audit events that f means and that come after a place, the
// newest first. What is added meanwhile is in front of that place. The error is
// [ErrTooBroad] if they could not be found in five seconds.
func (db *DB) AuditEvents(ctx context.Context, f *AuditFilter, after AuditPlace, limit int) ([]AuditRecord, error) {
	defer db.metrics.observe("audit")()
	var found []AuditRecord
	err := db.newestAudit(ctx, f, after.PerformedAt, func(f *AuditFilter) (enough bool, err error) {
		found, err = db.auditPage(ctx, sqlAuditList, f, after, limit)
		return len(found) == limit, err
	})
	return found, err
}

// CountAudit returns how many audit events f means, counted up to most. The error is
// [ErrTooBroad] if they could not be counted in five seconds.
func (db *DB) CountAudit(ctx context.Context, f *AuditFilter, most int) (int, error) {
	defer db.metrics.observe("audit")()
	var count int
	err := db.newestAudit(ctx, f, time.Time{}, func(f *AuditFilter) (enough bool, err error) {
		count, err = db.count(ctx, "count audit events", sqlAuditCount, append(f.args(), most)...)
		return count == most, err
	})
	return count, err
}

// newestAudit calls read for the newest events that f means, and if these are not enough
// for all of them. To plan for the months of seven years takes longer than to read two.
func (db *DB) newestAudit(ctx context.Context, f *AuditFilter, last time.Time, read func(f *AuditFilter) (enough bool, err error)) error {
	keyed, err := db.keyed(ctx, f)
	if err != nil {
		return err
	}
	if recent, ok := keyed.recent(last); ok {
		if enough, err := read(&recent); enough || err != nil {
			return err
		}
	}
	_, err = read(&keyed)
	return err
}

// keyed returns f with what there is an index for, where it has what there is none for: the
// number of its serial, and the time at which its event was processed.
func (db *DB) keyed(ctx context.Context, f *AuditFilter) (AuditFilter, error) {
	keyed := *f
	if f.SerialID.IsZero() && f.EventID == "" {
		return keyed, nil
	}
	var number *string
	var processed *time.Time
	if err := db.pool.QueryRow(ctx, sqlAuditKeys, idOrNull(f.SerialID), string(f.EventID)).Scan(&number, &processed); err != nil {
		return keyed, translate("find the subject of audit events", err)
	}
	if number != nil && f.SerialNumber == "" {
		keyed.SerialNumber = *number
	}
	if processed != nil {
		keyed.within(*processed, processed.Add(time.Microsecond)) // what times are kept to
	}
	return keyed, nil
}

// auditPage reads one page of the audit, in the order of the statement.
func (db *DB) auditPage(ctx context.Context, sql string, f *AuditFilter, after AuditPlace, limit int) ([]AuditRecord, error) {
	args := append(f.args(), timeOrNull(after.PerformedAt), [16]byte(after.ID), limit)
	var found []AuditRecord
	err := db.readPlanned(ctx, "read audit", func(pipe *pgx.Batch) {
		pipe.Queue(sql, args...).Query(func(rows pgx.Rows) error {
			var r AuditRecord
			var deviceTime *time.Time
			_, err := pgx.ForEachRow(rows, []any{
				(*[16]byte)(&r.ID), &r.Type, &r.Status, &r.EventID, (*[16]byte)(&r.SerialID), &r.SerialNumber, &r.PartID, &r.SiteID,
				&r.PerformedBy, &r.PerformedAt, &deviceTime, (*[]byte)(&r.OldValues), (*[]byte)(&r.NewValues),
			}, func() error {
				r.PerformedAt, r.DeviceTime = r.PerformedAt.UTC(), utcOrZero(deviceTime)
				found = append(found, r)
				return nil
			})
			return err
		})
	})
	return found, err
}

// AuditStatistics counts audit events.
type AuditStatistics struct {
	Total    int64                         `json:"totalEvents"`
	ByType   map[seriald.AuditType]int64   `json:"byType"` // never nil, as all of these
	ByStatus map[seriald.AuditStatus]int64 `json:"byStatus"`
	ByDay    map[string]int64              `json:"byDay"` // by date (YYYY-MM-DD) in UTC; only days that have any
}

// AuditStatistics counts the audit events that f means. The error is [ErrTooBroad] if they
// could not be counted in five seconds, which are enough for some ten millions: a shorter
// time, or a part, has less.
func (db *DB) AuditStatistics(ctx context.Context, f *AuditFilter) (*AuditStatistics, error) {
	defer db.metrics.observe("audit_statistics")()
	keyed, err := db.keyed(ctx, f)
	if err != nil {
		return nil, err
	}
	s := &AuditStatistics{ByType: map[seriald.AuditType]int64{}, ByStatus: map[seriald.AuditStatus]int64{}, ByDay: map[string]int64{}}
	err = db.readPlanned(ctx, "count audit events", func(pipe *pgx.Batch) {
		pipe.Queue(sqlAuditStatistics, keyed.args()...).Query(func(rows pgx.Rows) error {
			var t seriald.AuditType
			var status seriald.AuditStatus
			var day time.Time
			var n int64
			_, err := pgx.ForEachRow(rows, []any{&t, &status, &day, &n}, func() error {
				s.Total += n
				s.ByType[t] += n
				s.ByStatus[status] += n
				s.ByDay[day.Format(time.DateOnly)] += n
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
