// Package migrations holds the schema of the database as numbered pairs of SQL
// files and applies them with golang-migrate. Each file runs as one transaction.
package migrations

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"strings"
	"time"

	"github.com/golang-migrate/migrate/v4"
	_ "github.com/golang-migrate/migrate/v4/database/pgx/v5" // registers pgx5://
	"github.com/golang-migrate/migrate/v4/source/iofs"
	"github.com/jackc/pgx/v5"
)

//go:embed *.sql
var files embed.FS

// lockID names the advisory lock that one migrating process holds: "machshop".
const lockID = 0x6d61636873686f70

// lockPoll is how often a process looks whether another has finished migrating.
const lockPoll = 50 * time.Millisecond

// Latest returns the highest version there is a file for.
func Latest() uint {
	names, err := fs.Glob(files, "*.up.sql")
	if err != nil || len(names) == 0 {
		panic("migrations: no files are embedded") // a build without its schema can't run
	}
	var version uint
	if _, err := fmt.Sscanf(names[len(names)-1], "%d_", &version); err != nil {
		panic(fmt.Sprintf("migrations: %s has no version", names[len(names)-1]))
	}
	return version
}

// Migrator applies migrations to one database.
type Migrator struct {
	m    *migrate.Migrate
	lock *pgx.Conn
}

// Open connects to the database of dsn and waits until no other process is
// migrating it. The caller must Close the Migrator.
//
// The lock is our own and is tried, not waited for: a waiting session holds a
// snapshot, on which CREATE INDEX CONCURRENTLY of the one that migrates would
// wait in turn.
func Open(ctx context.Context, dsn string) (*Migrator, error) {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return nil, fmt.Errorf("connect to migrate: %w", err)
	}
	held := false // by another
	for {
		var locked bool
		if err := conn.QueryRow(ctx, "SELECT pg_try_advisory_lock($1)", int64(lockID)).Scan(&locked); err != nil {
			_ = conn.Close(context.WithoutCancel(ctx))
			if held && ctx.Err() != nil {
				return nil, fmt.Errorf("another process is migrating: %w", ctx.Err())
			}
			return nil, fmt.Errorf("lock to migrate: %w", err)
		}
		if locked {
			break
		}
		held = true
		select {
		case <-ctx.Done():
			_ = conn.Close(context.WithoutCancel(ctx))
			return nil, fmt.Errorf("another process is migrating: %w", ctx.Err())
		case <-time.After(lockPoll):
		}
	}
	m, err := open(dsn)
	if err != nil {
		_ = conn.Close(context.WithoutCancel(ctx))
		return nil, err
	}
	return &Migrator{m: m, lock: conn}, nil
}

func open(dsn string) (*migrate.Migrate, error) {
	source, err := iofs.New(files, ".")
	if err != nil {
		return nil, fmt.Errorf("read migrations: %w", err)
	}
	target, err := driverURL(dsn)
	if err != nil {
		return nil, err
	}
	m, err := migrate.NewWithSourceInstance("iofs", source, target)
	if err != nil {
		return nil, fmt.Errorf("connect to migrate: %w", err)
	}
	return m, nil
}

// driverURL turns a DSN in URL or keyword form into the URL that golang-migrate
// knows its pgx driver by.
func driverURL(dsn string) (string, error) {
	if _, rest, ok := strings.Cut(dsn, "://"); ok {
		return "pgx5://" + rest, nil
	}
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		return "", fmt.Errorf("read DATABASE_URL: %w", err)
	}
	u := url.URL{
		Scheme: "pgx5", User: url.UserPassword(cfg.User, cfg.Password),
		Host: fmt.Sprintf("%s:%d", cfg.Host, cfg.Port), Path: cfg.Database,
	}
	return u.String(), nil
}

// Close releases the lock and the connections.
func (m *Migrator) Close() error {
	sourceErr, databaseErr := m.m.Close()
	return errors.Join(sourceErr, databaseErr, m.lock.Close(context.Background()))
}

// Up applies what has not been applied. changed is false if there was nothing.
func (m *Migrator) Up() (changed bool, err error) { return result(m.m.Up(), "migrate up") }

// Down takes back the last steps migrations; 0 takes back all.
func (m *Migrator) Down(steps int) (changed bool, err error) {
	if steps == 0 {
		return result(m.m.Down(), "migrate down")
	}
	return result(m.m.Steps(-steps), "migrate down")
}

// Version returns the version of the schema, 0 for an empty database. dirty
// means that a migration failed half-way and a person must look.
func (m *Migrator) Version() (version uint, dirty bool, err error) {
	version, dirty, err = m.m.Version()
	if errors.Is(err, migrate.ErrNilVersion) {
		return 0, false, nil
	}
	return version, dirty, err
}

// Force records version as applied and clean, without running anything: the way
// out after a person has mended a dirty schema by hand.
func (m *Migrator) Force(version int) error { return m.m.Force(version) }

func result(err error, doing string) (bool, error) {
	if errors.Is(err, migrate.ErrNoChange) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("%s: %w", doing, err)
	}
	return true, nil
}
