package store

import (
	"context"
	_ "embed"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/machshop/seriald"
)

var (
	//go:embed sql/catalog_version.sql
	sqlCatalogVersion string
	//go:embed sql/catalog_sites.sql
	sqlCatalogSites string
	//go:embed sql/catalog_parts.sql
	sqlCatalogParts string
	//go:embed sql/catalog_formats.sql
	sqlCatalogFormats string
	//go:embed sql/catalog_assignments.sql
	sqlCatalogAssignments string
	//go:embed sql/catalog_lock.sql
	sqlCatalogLock string
	//go:embed sql/catalog_triggers.sql
	sqlCatalogTriggers string
)

// Catalog reads the master data, all of it as of one moment.
func (db *DB) Catalog(ctx context.Context) (*seriald.Catalog, error) {
	defer db.metrics.observe("catalog")()
	c := &seriald.Catalog{}
	err := pgx.BeginTxFunc(ctx, db.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, sqlCatalogVersion).Scan(&c.Version); err != nil {
			return err
		}
		for _, read := range []func(context.Context, pgx.Tx, *seriald.Catalog) error{readSites, readParts, readFormats, readAssignments, readTriggers} {
			if err := read(ctx, tx, c); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, translate("read catalog", err)
	}
	return c, nil
}

// CatalogVersion returns the version of the master data.
func (db *DB) CatalogVersion(ctx context.Context) (int64, error) {
	defer db.metrics.observe("catalog_version")()
	var version int64
	err := db.pool.QueryRow(ctx, sqlCatalogVersion).Scan(&version)
	return version, translate("read catalog version", err)
}

func readSites(ctx context.Context, tx pgx.Tx, c *seriald.Catalog) error {
	c.Sites = map[string]*seriald.Site{}
	rows, err := tx.Query(ctx, sqlCatalogSites)
	if err != nil {
		return err
	}
	var s seriald.Site
	var zone string
	_, err = pgx.ForEachRow(rows, []any{&s.ID, &s.Name, &zone}, func() error {
		site := s
		if site.Location, err = time.LoadLocation(zone); err != nil {
			return fmt.Errorf("site %s: %w", s.ID, err)
		}
		c.Sites[site.ID] = &site
		return nil
	})
	return err
}

func readParts(ctx context.Context, tx pgx.Tx, c *seriald.Catalog) error {
	c.Parts, c.GTINs = map[string]*seriald.Part{}, map[string]*seriald.Part{}
	rows, err := tx.Query(ctx, sqlCatalogParts)
	if err != nil {
		return err
	}
	var p seriald.Part
	var own, vendor []string
	var rule, fold string
	_, err = pgx.ForEachRow(rows, []any{
		&p.ID, &p.Name, &p.Type, &p.GTIN, &p.DefaultFormat, &own, &vendor,
		&p.Rule.MinLength, &p.Rule.MaxLength, &rule, &p.Rule.Charset, &fold,
	}, func() error {
		part := p
		part.UniquenessScopes, part.VendorScopes = scopes(own), scopes(vendor)
		part.Rule.Fold = fold == "fold"
		if part.Rule.Pattern, err = seriald.CompileRule(rule); err != nil {
			return fmt.Errorf("part %s: %w", p.ID, err)
		}
		c.Parts[part.ID] = &part
		if part.GTIN != "" {
			c.GTINs[part.GTIN] = &part
		}
		return nil
	})
	return err
}

func scopes(names []string) []seriald.Scope {
	out := make([]seriald.Scope, len(names))
	for i, n := range names {
		out[i] = seriald.Scope(n)
	}
	return out
}

func readFormats(ctx context.Context, tx pgx.Tx, c *seriald.Catalog) error {
	c.Formats = map[string]*seriald.Format{}
	rows, err := tx.Query(ctx, sqlCatalogFormats)
	if err != nil {
		return err
	}
	var f seriald.Format
	_, err = pgx.ForEachRow(rows, []any{&f.ID, &f.Version, &f.Name, &f.Pattern, &f.Start, &f.Increment, &f.Reset, &f.CounterScope, &f.Active, &f.Key}, func() error {
		format := f
		format.Key = slices.Clone(f.Key)
		c.Formats[format.ID] = &format
		return nil
	})
	return err
}

func readAssignments(ctx context.Context, tx pgx.Tx, c *seriald.Catalog) error {
	rows, err := tx.Query(ctx, sqlCatalogAssignments)
	if err != nil {
		return err
	}
	var a seriald.FormatAssignment
	var from, until *time.Time
	_, err = pgx.ForEachRow(rows, []any{&a.FormatID, &a.PartID, &a.PartType, &a.Priority, &from, &until}, func() error {
		assignment := a
		if from != nil {
			assignment.ValidFrom = *from
		}
		if until != nil {
			assignment.ValidUntil = *until
		}
		c.Assignments = append(c.Assignments, &assignment)
		return nil
	})
	return err
}

func readTriggers(ctx context.Context, tx pgx.Tx, c *seriald.Catalog) error {
	c.Triggers = map[string][]*seriald.Trigger{}
	rows, err := tx.Query(ctx, sqlCatalogTriggers)
	if err != nil {
		return err
	}
	var t seriald.Trigger
	var conditions []byte
	_, err = pgx.ForEachRow(rows, []any{
		(*[16]byte)(&t.ID), &t.PartID, &t.Type, &t.OperationCode, &conditions, &t.AssignmentType, &t.FormatID, &t.BatchMode, &t.BatchSize,
		&t.Priority, &t.Active,
	}, func() error {
		trigger := t
		if trigger.Conditions, err = seriald.ParseConditions(conditions); err != nil {
			return fmt.Errorf("trigger %s: %w", t.ID, err)
		}
		c.Triggers[trigger.PartID] = append(c.Triggers[trigger.PartID], &trigger)
		return nil
	})
	return err
}
