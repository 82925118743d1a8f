package store

import (
	"context"
	_ "embed"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/machshop/seriald"
)

var (
	//go:embed sql/master_sites.sql
	sqlMasterSites string
	//go:embed sql/master_sites_count.sql
	sqlMasterSitesCount string
	//go:embed sql/master_parts.sql
	sqlMasterParts string
	//go:embed sql/master_parts_count.sql
	sqlMasterPartsCount string
	//go:embed sql/master_formats.sql
	sqlMasterFormats string
	//go:embed sql/master_formats_count.sql
	sqlMasterFormatsCount string
)

// Changed says when master data was added and changed last, in UTC.
type Changed struct {
	CreatedAt time.Time
	UpdatedAt time.Time // CreatedAt until it is changed
}

func (c *Changed) utc() { c.CreatedAt, c.UpdatedAt = c.CreatedAt.UTC(), c.UpdatedAt.UTC() }

// SiteRecord is a site as it is in the database.
type SiteRecord struct {
	Site *seriald.Site // its JSON is that of site_put
	Changed
}

// PartRecord is a part as it is in the database.
type PartRecord struct {
	Part *seriald.Part // its JSON is that of part_put
	Changed
}

// FormatRecord is a format as it is in the database, without its key.
type FormatRecord struct {
	Format *seriald.Format
	Changed
}

// Site returns a site. The error is [ErrNotFound] if there is none with this id.
func (db *DB) Site(ctx context.Context, id string) (*SiteRecord, error) {
	defer db.metrics.observe("site")()
	return one(db.sites(ctx, &id, "", 1))
}

// Sites returns up to limit sites whose ids come after one, in the order of their ids: ""
// comes before all.
func (db *DB) Sites(ctx context.Context, after string, limit int) ([]SiteRecord, error) {
	defer db.metrics.observe("sites")()
	return db.sites(ctx, nil, after, limit)
}

// CountSites returns how many sites there are, counted up to most.
func (db *DB) CountSites(ctx context.Context, most int) (int, error) {
	defer db.metrics.observe("sites")()
	return db.count(ctx, "count sites", sqlMasterSitesCount, most)
}

func (db *DB) sites(ctx context.Context, id *string, after string, limit int) ([]SiteRecord, error) {
	var found []SiteRecord
	var s seriald.Site
	var zone string
	var changed Changed
	err := db.list(ctx, "read sites", sqlMasterSites, []any{id, after, limit},
		[]any{&s.ID, &s.Name, &zone, &changed.CreatedAt, &changed.UpdatedAt}, func() (err error) {
			site := s
			if site.Location, err = time.LoadLocation(zone); err != nil {
				return fmt.Errorf("site %s: %w", s.ID, err)
			}
			changed.utc()
			found = append(found, SiteRecord{&site, changed})
			return nil
		})
	return found, err
}

// Part returns a part. The error is [ErrNotFound] if there is none with this id.
func (db *DB) Part(ctx context.Context, id string) (*PartRecord, error) {
	defer db.metrics.observe("part")()
	return one(db.parts(ctx, &id, "", "", 1))
}

// Parts returns up to limit parts, of a family unless partType is "", whose ids come after
// one, in the order of their ids: "" comes before all.
func (db *DB) Parts(ctx context.Context, partType, after string, limit int) ([]PartRecord, error) {
	defer db.metrics.observe("parts")()
	return db.parts(ctx, nil, partType, after, limit)
}

// CountParts returns how many parts there are, of a family unless partType is "", counted
// up to most.
func (db *DB) CountParts(ctx context.Context, partType string, most int) (int, error) {
	defer db.metrics.observe("parts")()
	return db.count(ctx, "count parts", sqlMasterPartsCount, partType, most)
}

func (db *DB) parts(ctx context.Context, id *string, partType, after string, limit int) ([]PartRecord, error) {
	var found []PartRecord
	var p seriald.Part
	var own, vendor []string
	var rule, fold string
	var changed Changed
	err := db.list(ctx, "read parts", sqlMasterParts, []any{id, partType, after, limit}, []any{
		&p.ID, &p.Name, &p.Type, &p.GTIN, &p.DefaultFormat, &own, &vendor,
		&p.Rule.MinLength, &p.Rule.MaxLength, &rule, &p.Rule.Charset, &fold, &changed.CreatedAt, &changed.UpdatedAt,
	}, func() (err error) {
		part := p
		part.UniquenessScopes, part.VendorScopes = scopes(own), scopes(vendor)
		part.Rule.Fold = fold == "fold"
		if part.Rule.Pattern, err = seriald.CompileRule(rule); err != nil {
			return fmt.Errorf("part %s: %w", p.ID, err)
		}
		changed.utc()
		found = append(found, PartRecord{&part, changed})
		return nil
	})
	return found, err
}

// Formats returns up to limit formats whose ids come after one, in the order of their ids:
// "" comes before all. Those that were deleted are none.
func (db *DB) Formats(ctx context.Context, after string, limit int) ([]FormatRecord, error) {
	defer db.metrics.observe("formats")()
	var found []FormatRecord
	var f seriald.Format
	var changed Changed
	err := db.list(ctx, "read formats", sqlMasterFormats, []any{after, limit}, []any{
		&f.ID, &f.Version, &f.Name, &f.Active, &f.Pattern, &f.Start, &f.Increment, &f.Reset, &f.CounterScope, &changed.CreatedAt, &changed.UpdatedAt,
	}, func() error {
		format := f
		changed.utc()
		found = append(found, FormatRecord{&format, changed})
		return nil
	})
	return found, err
}

// CountFormats returns how many formats there are, counted up to most.
func (db *DB) CountFormats(ctx context.Context, most int) (int, error) {
	defer db.metrics.observe("formats")()
	return db.count(ctx, "count formats", sqlMasterFormatsCount, most)
}

// list reads the rows of a statement that is planned for its parameters into columns, and
// calls each after each.
func (db *DB) list(ctx context.Context, doing, sql string, args, columns []any, each func() error) error {
	return db.readPlanned(ctx, doing, func(pipe *pgx.Batch) {
		pipe.Queue(sql, args...).Query(func(rows pgx.Rows) error {
			_, err := pgx.ForEachRow(rows, columns, each)
			return err
		})
	})
}

// one is the only record that was found.
func one[T any](found []T, err error) (*T, error) {
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, ErrNotFound
	}
	return &found[0], nil
}
