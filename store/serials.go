package store

import (
	"bytes"
	"context"
	_ "embed"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/machshop/seriald"
)

var (
	//go:embed sql/serial_read.sql
	sqlSerialRead string
	//go:embed sql/serials_list.sql
	sqlSerialsList string
	//go:embed sql/serials_count.sql
	sqlSerialsCount string

	sqlSerialsListOf, sqlSerialsCountOf = bySource(sqlSerialsList), bySource(sqlSerialsCount)
)

// bySource has a statement on the table of serials made here for that of each source.
func bySource(sql string) map[seriald.Source]string {
	const table = "system_generated_serials"
	return map[seriald.Source]string{
		seriald.SourceVendor:    strings.ReplaceAll(sql, table, "vendor_serials"),
		seriald.SourceGenerated: sql,
		seriald.SourceLate:      strings.ReplaceAll(sql, table, "late_assigned_serials"),
	}
}

// SerialRecord is a serial as it is in the database.
type SerialRecord struct {
	seriald.Serial
	UpdatedAt time.Time // when it was changed last; CreatedAt until then
}

// SerialFilter says which serials are meant: those that all of its fields hold for. A
// zero field holds for all.
//
// Number, PartID, WorkOrderID, LotNumber and Attributes have an index, and so has a
// Status that only a vendor's serial has. The others only narrow what these find: alone,
// they are looked for from the newest serial on.
type SerialFilter struct {
	Source        seriald.Source
	Number        string // as on the part
	PartID        string
	Status        seriald.SerialStatus
	WorkOrderID   string
	LotNumber     string
	OperationCode string
	Device        string
	VendorName    string // in any case of its letters
	// Attributes are JSON objects, of which one must be in the attributes: its fields
	// with values equal to its.
	Attributes []string
	From, To   time.Time // of the creation; To is the first instant that is not meant
}

// sources are those that serials which f means may have.
func (f *SerialFilter) sources() []seriald.Source {
	switch {
	case f.Source != "":
		return []seriald.Source{f.Source}
	case f.VendorName != "" || slices.Contains([]seriald.SerialStatus{seriald.SerialPending, seriald.SerialAccepted, seriald.SerialRejected}, f.Status):
		return []seriald.Source{seriald.SourceVendor}
	}
	return []seriald.Source{seriald.SourceVendor, seriald.SourceGenerated, seriald.SourceLate}
}

// args are the parameters of serials_list.sql.
func (f *SerialFilter) args(before seriald.ID, limit int) []any {
	return []any{
		f.Number, f.PartID, string(f.Status), f.WorkOrderID, f.LotNumber, f.OperationCode, f.Device,
		f.VendorName, f.Attributes, timeOrNull(f.From), timeOrNull(f.To), idOrNull(before), limit,
	}
}

// Serial returns a serial. The error is [ErrNotFound] if there is none with this id.
func (db *DB) Serial(ctx context.Context, id seriald.ID) (*SerialRecord, error) {
	defer db.metrics.observe("serials")()
	var r SerialRecord
	if err := db.pool.QueryRow(ctx, sqlSerialRead, [16]byte(id)).Scan(r.columns()...); err != nil {
		return nil, notFound("read serial", err)
	}
	r.utc()
	return &r, nil
}

// Serials returns up to limit serials that f means, the newest (by their ids) first; of
// those only that are older than before, unless that is zero. The error is
// [ErrTooBroad] if they could not be found in five seconds.
func (db *DB) Serials(ctx context.Context, f *SerialFilter, before seriald.ID, limit int) ([]SerialRecord, error) {
	defer db.metrics.observe("serials")()
	var found []SerialRecord
	read := func(rows pgx.Rows) error {
		var r SerialRecord
		_, err := pgx.ForEachRow(rows, r.columns(), func() error {
			r.utc()
			found = append(found, r)
			return nil
		})
		return err
	}
	err := db.readPlanned(ctx, "list serials", func(pipe *pgx.Batch) {
		for _, source := range f.sources() {
			pipe.Queue(sqlSerialsListOf[source], f.args(before, limit)...).Query(read)
		}
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(found, func(a, b SerialRecord) int { return bytes.Compare(b.ID[:], a.ID[:]) })
	return found[:min(limit, len(found))], nil
}

// columns are where the columns of serial_read.sql and serials_list.sql go.
func (r *SerialRecord) columns() []any {
	return []any{
		(*[16]byte)(&r.ID), &r.Number, &r.PartID, &r.SiteID, &r.Source, &r.Status, &r.FormatID, &r.FormatVersion,
		(*[16]byte)(&r.TriggerID), &r.WorkOrderID, &r.LotNumber, &r.OperationCode, &r.VendorName, &r.ReceivedDate,
		(*[16]byte)(&r.InternalSerialID), &r.RejectionReason, &r.RetirementReason, &r.Line, &r.Device, &r.Attributes,
		&r.EventID, &r.CreatedAt, &r.UpdatedAt,
	}
}

func (r *SerialRecord) utc() { r.CreatedAt, r.UpdatedAt = r.CreatedAt.UTC(), r.UpdatedAt.UTC() }
