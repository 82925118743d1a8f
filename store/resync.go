package store

import (
	"context"
	_ "embed"

	"github.com/jackc/pgx/v5"

	"github.com/machshop/seriald"
)

var (
	//go:embed sql/serials_page.sql
	sqlSerialsPage string
	//go:embed sql/claims_stale.sql
	sqlClaimsStale string
	//go:embed sql/claims_release_stale.sql
	sqlClaimsReleaseStale string
	//go:embed sql/claims_newest.sql
	sqlClaimsNewest string
)

// SerialsAfter returns up to limit serials of a source that come after one, by their ids,
// with what their claims are made of: number, part, site, status, vendor and event.
func (db *DB) SerialsAfter(ctx context.Context, source seriald.Source, after seriald.ID, limit int) ([]seriald.Serial, error) {
	defer db.metrics.observe("serials_after")()
	rows, err := db.pool.Query(ctx, sqlSerialsPage, string(source), [16]byte(after), limit)
	if err != nil {
		return nil, translate("read serials", err)
	}
	var all []seriald.Serial
	var s seriald.Serial
	_, err = pgx.ForEachRow(rows, []any{(*[16]byte)(&s.ID), &s.Number, &s.PartID, &s.SiteID, &s.Source, &s.Status, &s.VendorName, &s.EventID}, func() error {
		all = append(all, s)
		return nil
	})
	return all, translate("read serials", err)
}

// StaleClaims returns the claims of serials that are not there, or gave them up.
func (db *DB) StaleClaims(ctx context.Context) ([]ClaimRow, error) {
	defer db.metrics.observe("claims_stale")()
	return db.claims(ctx, sqlClaimsStale)
}

// NewestClaims returns up to limit claims that are older than before, by their ids, the
// newest first; of all if before is zero.
func (db *DB) NewestClaims(ctx context.Context, before seriald.ID, limit int) ([]ClaimRow, error) {
	defer db.metrics.observe("claims_newest")()
	if before.IsZero() {
		for i := range before {
			before[i] = 0xff
		}
	}
	return db.claims(ctx, sqlClaimsNewest, [16]byte(before), limit)
}

func (db *DB) claims(ctx context.Context, sql string, args ...any) ([]ClaimRow, error) {
	rows, err := db.pool.Query(ctx, sql, args...)
	if err != nil {
		return nil, translate("read claims", err)
	}
	var all []ClaimRow
	var c ClaimRow
	_, err = pgx.ForEachRow(rows, []any{
		(*[16]byte)(&c.ID), &c.Scope, &c.ScopeKey, &c.Canonical, &c.Number, (*[16]byte)(&c.SerialID), &c.PartID, &c.EventID,
	}, func() error {
		all = append(all, c)
		return nil
	})
	return all, translate("read claims", err)
}

// ReleaseStale gives up those of claims, by their ids, that [DB.StaleClaims] still would
// return.
func (b *Batch) ReleaseStale(ctx context.Context, ids []seriald.ID) error {
	_, err := b.conn.Exec(ctx, sqlClaimsReleaseStale, rawIDs(ids), b.at)
	return translate("release stale claims", err)
}
