// Package storetest gives each test a database of its own, in a real PostgreSQL
// that the test binary starts when the first test asks for it and that ends with
// the binary.
package storetest

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/machshop/seriald/embedded"
	"github.com/machshop/seriald/migrations"
	"github.com/machshop/seriald/store"
)

// Durability says whether a server syncs what it commits.
type Durability int

const (
	// Fast does not sync: for tests.
	Fast Durability = iota
	// Durable syncs, as in production: for benchmarks and failure tests.
	Durable
)

// startTimeout bounds initdb, start, migration and seed on a loaded machine.
const startTimeout = 60 * time.Second

// server is a PostgreSQL with a template database: migrated, with the demo plant.
type server struct {
	once     sync.Once
	err      error
	dir      string
	postgres *embedded.Postgres
	count    atomic.Int64
}

var servers [2]server

const template = "seriald_template"

// Main runs the tests of a package, stops the servers they used and reports
// goroutines that are left. Call it from TestMain.
func Main(m *testing.M, opts ...goleak.Option) {
	code := m.Run()
	for i := range servers {
		servers[i].stop()
	}
	if code == 0 {
		if err := goleak.Find(opts...); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// DSN returns the DSN of a new database with the demo plant, which is dropped
// when the test ends.
func DSN(tb testing.TB, d Durability) string {
	tb.Helper()
	s := &servers[d]
	s.once.Do(func() { s.err = s.start(d) })
	if s.err != nil {
		tb.Fatalf("PostgreSQL for tests: %v", s.err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	name := fmt.Sprintf("test_%d", s.count.Add(1))
	if err := s.exec(ctx, fmt.Sprintf("CREATE DATABASE %s TEMPLATE %s STRATEGY file_copy", name, template)); err != nil {
		tb.Fatalf("create test database: %v", err)
	}
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
		defer cancel()
		if err := s.exec(ctx, fmt.Sprintf("DROP DATABASE %s WITH (FORCE)", name)); err != nil {
			tb.Errorf("drop test database: %v", err)
		}
	})
	return s.dsn(name)
}

// Config returns a store's configuration for dsn with the defaults.
func Config(dsn string) store.Config {
	return store.Config{
		URL: dsn, PoolSize: store.DefaultPoolSize, IdleTimeout: store.DefaultIdleTimeout,
		StatementCacheSize: store.DefaultStatementCacheSize,
	}
}

// Open returns a store on dsn, closed when the test ends.
func Open(tb testing.TB, dsn string) *store.DB {
	tb.Helper()
	db, err := store.Open(Config(dsn), prometheus.NewRegistry())
	if err != nil {
		tb.Fatalf("open store: %v", err)
	}
	tb.Cleanup(db.Close)
	return db
}

// Conn returns a plain connection to dsn, for looking at rows, closed when the
// test ends.
func Conn(tb testing.TB, dsn string) *pgx.Conn {
	tb.Helper()
	conn, err := pgx.Connect(context.Background(), dsn)
	if err != nil {
		tb.Fatalf("connect: %v", err)
	}
	tb.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// Value returns the single value that a query gives.
func Value[T any](tb testing.TB, conn *pgx.Conn, query string, args ...any) T {
	tb.Helper()
	rows, err := conn.Query(context.Background(), query, args...)
	if err != nil {
		tb.Fatalf("%s: %v", query, err)
	}
	v, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[T])
	if err != nil {
		tb.Fatalf("%s: %v", query, err)
	}
	return v
}

func (s *server) start(d Durability) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	// Not TB.TempDir: the server may run as another user, who must get there.
	if s.dir, err = os.MkdirTemp("", "seriald-test-"); err != nil {
		return err
	}
	if err = os.Chmod(s.dir, 0o755); err != nil {
		return err
	}
	s.postgres, err = embedded.StartPostgres(ctx, embedded.PostgresConfig{
		Dir: filepath.Join(s.dir, "postgres"), Fast: d == Fast, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return err
	}
	if err = s.exec(ctx, "CREATE DATABASE "+template); err != nil {
		return err
	}
	m, err := migrations.Open(ctx, s.dsn(template))
	if err != nil {
		return err
	}
	if _, err = m.Up(); err != nil {
		return err
	}
	if err = m.Close(); err != nil {
		return err
	}
	db, err := store.Open(Config(s.dsn(template)), prometheus.NewRegistry())
	if err != nil {
		return err
	}
	defer db.Close() // an open connection would keep the template from being copied
	_, err = db.Seed(ctx, true)
	return err
}

func (s *server) stop() {
	if s.postgres != nil {
		_ = s.postgres.Close()
	}
	if s.dir != "" {
		_ = os.RemoveAll(s.dir)
	}
}

// dsn names another database of the server.
func (s *server) dsn(database string) string {
	u, err := url.Parse(s.postgres.DSN())
	if err != nil {
		panic("storetest: " + err.Error()) // our own DSN is a URL
	}
	u.Path = "/" + database
	return u.String()
}

func (s *server) exec(ctx context.Context, sql string) error {
	conn, err := pgx.Connect(ctx, s.postgres.DSN())
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	_, err = conn.Exec(ctx, sql)
	return err
}
