package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/machshop/seriald"
)

// manyRows is from how many rows on COPY is worth its round trips: it takes about
// half the time of a statement with arrays. An event that makes 100,000 serials is
// what it is for.
const manyRows = 2000

// copyRows copies n rows into a table, in the batch's transaction. row fills values
// with the ith, by columns.
func (b *Batch) copyRows(ctx context.Context, table string, columns []string, n int, row func(i int, values []any)) error {
	values := make([]any, len(columns))
	for from := 0; from < n; from += maxRows {
		at, end := from, min(n, from+maxRows)
		_, err := b.conn.Conn().CopyFrom(ctx, pgx.Identifier{table}, columns, pgx.CopyFromFunc(func() ([]any, error) {
			if at == end {
				return nil, nil
			}
			row(at, values)
			at++
			return values, nil
		}))
		if err != nil {
			return err
		}
	}
	return nil
}

// copyClaims takes claims in an order, all of them or none: ok is false if one of
// them is held.
func (b *Batch) copyClaims(ctx context.Context, claims []ClaimRow, order []int) (ok bool, err error) {
	if _, err := b.conn.Exec(ctx, "SAVEPOINT claims"); err != nil {
		return false, err
	}
	columns := []string{
		"id", "scope", "scope_key", "canonical_number", "serial_number", "serial_id", "part_id", "status", "event_id", "created_at",
	}
	err = b.copyRows(ctx, "serial_uniqueness_checks", columns, len(order), func(i int, v []any) {
		c := &claims[order[i]]
		v[0], v[1], v[2], v[3], v[4] = [16]byte(c.ID), string(c.Scope), c.ScopeKey, c.Canonical, c.Number
		v[5], v[6], v[7], v[8], v[9] = idOrNull(c.SerialID), c.PartID, "CLAIMED", string(c.EventID), b.at
	})
	if err == nil {
		return true, nil
	}
	// Whatever it is, the statement that asks one by one will meet it, too, or tell
	// who holds what.
	_, err = b.conn.Exec(ctx, "ROLLBACK TO SAVEPOINT claims")
	return false, err
}

func (b *Batch) copySerials(ctx context.Context, serials []*seriald.Serial) error {
	columns := []string{
		"id", "serial_number", "part_id", "site_id", "source", "status", "format_id", "format_version", "trigger_id",
		"work_order_id", "lot_number", "operation_code", "vendor_name", "received_date", "event_id", "created_at", "updated_at",
		"line", "device", "attributes", "internal_serial_id", "rejection_reason", "retirement_reason",
	}
	return b.copyRows(ctx, "serials", columns, len(serials), func(i int, v []any) {
		s := serials[i]
		v[0], v[1], v[2], v[3], v[4], v[5] = [16]byte(s.ID), s.Number, s.PartID, s.SiteID, string(s.Source), string(s.Status)
		v[6], v[7], v[8] = textOrNull(s.FormatID), nil, idOrNull(s.TriggerID)
		if s.FormatVersion != 0 {
			v[7] = int32(s.FormatVersion) // came from an int4 column
		}
		v[9], v[10], v[11] = textOrNull(s.WorkOrderID), textOrNull(s.LotNumber), textOrNull(s.OperationCode)
		v[12], v[13], v[14], v[15], v[16] = textOrNull(s.VendorName), textOrNull(s.ReceivedDate), string(s.EventID), b.at, b.at
		v[17], v[18], v[19] = textOrNull(s.Line), textOrNull(s.Device), textOrNull(string(s.Attributes))
		v[20], v[21], v[22] = idOrNull(s.InternalSerialID), textOrNull(s.RejectionReason), textOrNull(s.RetirementReason)
	})
}

func (b *Batch) copyAudit(ctx context.Context, rows []seriald.AuditEvent) error {
	columns := []string{
		"id", "event_type", "status", "event_id", "serial_id", "serial_number", "part_id", "site_id",
		"performed_by", "device_time", "new_values", "performed_at", "old_values",
	}
	return b.copyRows(ctx, "audit_events", columns, len(rows), func(i int, v []any) {
		r := &rows[i]
		v[0], v[1], v[2], v[3], v[4] = [16]byte(r.ID), string(r.Type), string(r.Status), textOrNull(string(r.EventID)), idOrNull(r.SerialID)
		v[5], v[6], v[7], v[8] = textOrNull(r.SerialNumber), textOrNull(r.PartID), textOrNull(r.SiteID), r.PerformedBy
		v[9], v[10], v[11], v[12] = timeOrNull(r.DeviceTime), textOrNull(string(r.NewValues)), b.at, textOrNull(string(r.OldValues))
	})
}

// textOrNull and idOrNull are NULL for what is not there.
func textOrNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func idOrNull(id seriald.ID) any {
	if id.IsZero() {
		return nil
	}
	return [16]byte(id)
}
