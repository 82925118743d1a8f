package store

import (
	"context"
	_ "embed"
	"time"
)

var (
	//go:embed sql/audit_export.sql
	sqlAuditExport string
	//go:embed sql/audit_span.sql
	sqlAuditSpan string
)

// exportPage is how many audit events of an export are in memory at a time: they may have
// a request of 256 KiB each.
const exportPage = 500

// ExportAudit calls each with all audit events that f means, the oldest first: of those
// that are added meanwhile none that is newer than what there was when it began. The
// record is each's to keep. An error of each ends the export and is returned as it is; the
// error is [ErrTooBroad] if what a day has could not be looked through in five seconds.
//
// No transaction and no connection is held while each runs, however slow it is, and no more
// than a page of events is in memory.
func (db *DB) ExportAudit(ctx context.Context, f *AuditFilter, each func(*AuditRecord) error) error {
	keyed, err := db.keyed(ctx, f)
	if err != nil {
		return err
	}
	var first, last *time.Time
	if err := db.pool.QueryRow(ctx, sqlAuditSpan).Scan(&first, &last); err != nil {
		return translate("read span of the audit", err)
	}
	if first == nil {
		return nil
	}
	keyed.within(*first, last.Add(time.Microsecond)) // what times are kept to
	// A day at a time: where nothing has an index, what is found in five seconds is bounded
	// by what a day has, and each statement is planned for one month.
	for from := keyed.From; from.Before(keyed.To); {
		day := keyed
		next := from.Truncate(24 * time.Hour).Add(24 * time.Hour)
		day.within(from, next)
		if err := db.exportPages(ctx, &day, each); err != nil {
			return err
		}
		from = next
	}
	return nil
}

func (db *DB) exportPages(ctx context.Context, f *AuditFilter, each func(*AuditRecord) error) error {
	for after := (AuditPlace{}); ; {
		page, err := db.exportPage(ctx, f, after)
		if err != nil {
			return err
		}
		for i := range page {
			if err := each(&page[i]); err != nil {
				return err
			}
		}
		if len(page) < exportPage {
			return nil
		}
		last := &page[len(page)-1]
		after = AuditPlace{last.PerformedAt, last.ID}
	}
}

func (db *DB) exportPage(ctx context.Context, f *AuditFilter, after AuditPlace) ([]AuditRecord, error) {
	defer db.metrics.observe("audit_export")()
	return db.auditPage(ctx, sqlAuditExport, f, after, exportPage)
}
