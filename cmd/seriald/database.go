package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/machshop/seriald/api/auth"
	"github.com/machshop/seriald/embedded"
	"github.com/machshop/seriald/migrations"
	"github.com/machshop/seriald/store"
)

// databaseURL is the configured database, else the embedded one if it runs.
func databaseURL(s *settings) (string, error) {
	if s.DatabaseURL != "" {
		return string(s.DatabaseURL), nil
	}
	dsn, err := embedded.PostgresDSN(s.postgresDir())
	if err != nil {
		return "", usageError{fmt.Errorf("DATABASE_URL is not set, and there is no embedded database to use: %w", err)}
	}
	return dsn, nil
}

type dbCommand struct {
	URL dbURLCommand `cmd:"" name:"url" help:"Print a DSN that psql takes, of the embedded database too."`
}

type dbURLCommand struct{}

// Run prints the DSN, password and all: it is meant for psql.
func (dbURLCommand) Run(s *session) error {
	dsn, err := databaseURL(&s.settings)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(s.stdout, dsn)
	return err
}

type migrateCommand struct {
	Up      migrateUp      `cmd:"" help:"Apply what is missing."`
	Down    migrateDown    `cmd:"" help:"Take back the last migration."`
	Status  migrateStatus  `cmd:"" help:"Say which version the schema has and which is needed."`
	Version migrateVersion `cmd:"" help:"Print the version of the schema."`
	Force   migrateForce   `cmd:"" help:"Record a version as applied, after a dirty schema was mended by hand."`
}

type (
	migrateUp   struct{}
	migrateDown struct {
		Steps int  `help:"How many to take back." default:"1"`
		All   bool `help:"Take back all: every table and what is in it."`
	}
	migrateStatus  struct{}
	migrateVersion struct{}
	migrateForce   struct {
		Version int `arg:"" help:"The version."`
	}
)

func withMigrator(ctx context.Context, s *session, do func(*migrations.Migrator) error) error {
	dsn, err := databaseURL(&s.settings)
	if err != nil {
		return err
	}
	m, err := migrations.Open(ctx, dsn)
	if err != nil {
		return err
	}
	return errors.Join(do(m), m.Close())
}

func sayVersion(s *session, m *migrations.Migrator, changed bool) error {
	version, _, err := m.Version()
	if err != nil {
		return err
	}
	done := "nothing to do"
	if changed {
		done = "done"
	}
	_, err = fmt.Fprintf(s.stdout, "%s: the schema has version %d\n", done, version)
	return err
}

// Run applies all migrations.
func (migrateUp) Run(ctx context.Context, s *session) error {
	return withMigrator(ctx, s, func(m *migrations.Migrator) error {
		changed, err := m.Up()
		if err != nil {
			return err
		}
		return sayVersion(s, m, changed)
	})
}

// Run takes migrations back.
func (c *migrateDown) Run(ctx context.Context, s *session) error {
	if !c.All && c.Steps < 1 {
		return usageError{errors.New("--steps: must be at least 1")}
	}
	return withMigrator(ctx, s, func(m *migrations.Migrator) error {
		steps := c.Steps
		if c.All {
			steps = 0
		}
		changed, err := m.Down(steps)
		if err != nil {
			return err
		}
		return sayVersion(s, m, changed)
	})
}

// Run compares the schema with what the program needs.
func (migrateStatus) Run(ctx context.Context, s *session) error {
	return withMigrator(ctx, s, func(m *migrations.Migrator) error {
		version, dirty, err := m.Version()
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(s.stdout, "schema: %d\nneeded: %d\ndirty:  %t\n", version, migrations.Latest(), dirty)
		return err
	})
}

// Run prints the version.
func (migrateVersion) Run(ctx context.Context, s *session) error {
	return withMigrator(ctx, s, func(m *migrations.Migrator) error {
		version, _, err := m.Version()
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(s.stdout, version)
		return err
	})
}

// Run records a version.
func (c *migrateForce) Run(ctx context.Context, s *session) error {
	return withMigrator(ctx, s, func(m *migrations.Migrator) error { return m.Force(c.Version) })
}

type seedCommand struct {
	Demo bool `help:"Add the demo plant, too."`
}

// Run seeds the database.
func (c *seedCommand) Run(ctx context.Context, s *session) error {
	dsn, err := databaseURL(&s.settings)
	if err != nil {
		return err
	}
	db, err := store.Open(s.settings.store(dsn), prometheus.NewRegistry())
	if err != nil {
		return err
	}
	defer db.Close()
	added, err := db.Seed(ctx, c.Demo)
	if err != nil {
		return fmt.Errorf("%w (has seriald migrate up been run?)", err)
	}
	password, err := auth.EnsureAdmin(ctx, db, s.log)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(s.stdout, "%d rows added\n", added); err != nil || password == "" {
		return err
	}
	_, err = fmt.Fprintf(s.stdout, "user %s was made, with the password %s, which is not shown again\n", auth.FirstUser, password)
	return err
}
