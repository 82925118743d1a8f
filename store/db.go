package store

import (
	"context"
	_ "embed" // the statements
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
)

// Config is how to reach the database.
type Config struct {
	// URL is a PostgreSQL DSN, in URL or keyword form.
	URL string
	// PoolSize is the most connections, from 3 (a batch holds one, takes its
	// counters over a second, and health must get in).
	PoolSize int
	// IdleTimeout closes a connection that was not used for so long.
	IdleTimeout time.Duration
	// StatementCacheSize is the number of prepared statements per connection.
	StatementCacheSize int
}

// Defaults of the contract, section 8.
const (
	DefaultPoolSize           = 20
	DefaultIdleTimeout        = 30 * time.Second
	DefaultStatementCacheSize = 100
)

// statementTimeout ends a statement that hangs. A batch takes milliseconds; a
// healthy read, too.
const statementTimeout = 30 * time.Second

// Validate lists what is wrong, in one error.
func (c Config) Validate() error {
	var errs []error
	if c.URL == "" {
		errs = append(errs, errors.New("DATABASE_URL: is empty"))
	} else if _, err := pgxpool.ParseConfig(c.URL); err != nil {
		errs = append(errs, errors.New("DATABASE_URL: is not a PostgreSQL DSN: write postgresql://user:password@host:5432/database"))
	}
	if c.PoolSize < 3 || c.PoolSize > 1000 {
		errs = append(errs, fmt.Errorf("DB_POOL_SIZE: must be from 3 to 1000, not %d", c.PoolSize))
	}
	if c.IdleTimeout <= 0 {
		errs = append(errs, errors.New("DB_IDLE_TIMEOUT: must be at least 1 millisecond"))
	}
	if c.StatementCacheSize < 0 {
		errs = append(errs, errors.New("DB_STATEMENT_CACHE_SIZE: must not be negative"))
	}
	return errors.Join(errs...)
}

// Redacted returns the DSN without its password, for logs.
func (c Config) Redacted() string {
	cfg, err := pgx.ParseConfig(c.URL)
	if err != nil {
		return "[redacted]"
	}
	u := url.URL{Scheme: "postgresql", User: url.User(cfg.User), Host: fmt.Sprintf("%s:%d", cfg.Host, cfg.Port), Path: cfg.Database}
	return u.String()
}

// DB is the database. It is safe for concurrent use.
type DB struct {
	pool    *pgxpool.Pool
	metrics *metrics
}

// Open prepares a pool for the database of cfg; connections are made when they
// are needed, so that a database that is down is no error here. The caller must
// Close the DB.
func Open(cfg Config, reg prometheus.Registerer) (*DB, error) {
	pc, err := pgxpool.ParseConfig(cfg.URL)
	if err != nil {
		return nil, fmt.Errorf("read DATABASE_URL: %w", err)
	}
	pc.MaxConns = int32(cfg.PoolSize) // validated to fit
	pc.MaxConnIdleTime = cfg.IdleTimeout
	pc.ConnConfig.StatementCacheCapacity = cfg.StatementCacheSize
	if cfg.StatementCacheSize == 0 {
		pc.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeDescribeExec
	}
	pc.ConnConfig.ConnectTimeout = connectTimeout
	pc.ConnConfig.DialFunc = dialer().DialContext
	// Before an idle connection is used; one that has died in silence is replaced.
	pc.PingTimeout = pingTimeout
	params := pc.ConnConfig.RuntimeParams
	params["application_name"] = "seriald"
	params["timezone"] = "UTC"
	params["statement_timeout"] = strconv.FormatInt(statementTimeout.Milliseconds(), 10)
	params["idle_in_transaction_session_timeout"] = "60000"
	pool, err := pgxpool.NewWithConfig(context.Background(), pc)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	return &DB{pool: pool, metrics: newMetrics(reg, pool)}, nil
}

// Close closes all connections, after what runs on them has ended.
func (db *DB) Close() { db.pool.Close() }

// Ping reports whether the database answers.
func (db *DB) Ping(ctx context.Context) error {
	return translate("ping", db.pool.Ping(ctx))
}

// PoolStats counts the pool's connections.
type PoolStats struct{ Total, Idle, Active int }

// PoolStats returns the state of the pool now.
func (db *DB) PoolStats() PoolStats {
	s := db.pool.Stat()
	return PoolStats{Total: int(s.TotalConns()), Idle: int(s.IdleConns()), Active: int(s.AcquiredConns())}
}

//go:embed sql/schema_version.sql
var sqlSchemaVersion string

// SchemaVersion returns the version of the schema that the database has, and
// whether a migration to it failed half-way.
func (db *DB) SchemaVersion(ctx context.Context) (version uint, dirty bool, err error) {
	var v int64
	err = db.pool.QueryRow(ctx, sqlSchemaVersion).Scan(&v, &dirty)
	return uint(max(0, v)), dirty, translate("read schema version", err)
}

//go:embed sql/event_outcome.sql
var sqlEventOutcome string

// EventOutcome returns the outcome of an event as JSON, [ErrNotFound] if the
// event was not processed.
func (db *DB) EventOutcome(ctx context.Context, id string) ([]byte, error) {
	defer db.metrics.observe("event_outcome")()
	var outcome []byte
	err := db.pool.QueryRow(ctx, sqlEventOutcome, id).Scan(&outcome)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, ErrNotFound
	}
	return outcome, translate("read outcome", err)
}
