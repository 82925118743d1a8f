package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/machshop/seriald/api/auth"
	"github.com/machshop/seriald/embedded"
	"github.com/machshop/seriald/ingest"
	"github.com/machshop/seriald/migrations"
	"github.com/machshop/seriald/store"
)

// embeddedNoSync has embedded NATS confirm what is not on disk yet. No setting
// does that: it is for the test that shows what a power cut then costs.
var embeddedNoSync bool

// backends are the servers the service works with: those that are configured,
// and for the rest embedded ones.
type backends struct {
	password                      string // of the first user, if it was made now
	databaseURL, natsURL, mqttURL string
	natsShown                     string // without credentials

	embeddedDatabase, embeddedNATS, embeddedMQTT bool

	lock     *embedded.DirLock
	identity *embedded.DirLock // nil if another process has it
	nats     *embedded.NATS
	postgres *embedded.Postgres
}

// startEmbedded starts what is not configured. A first start makes the schema,
// the templates and the demo plant.
func startEmbedded(ctx context.Context, s *settings, roles []string, log *slog.Logger) (_ *backends, err error) {
	b := &backends{databaseURL: string(s.DatabaseURL), natsURL: string(s.NATSURL), mqttURL: s.MQTTURL}
	b.embeddedDatabase, b.embeddedNATS = s.DatabaseURL == "", s.NATSURL == ""
	b.embeddedMQTT = s.MQTTURL == "" && slices.Contains(roles, roleBridge)
	defer func() {
		if err != nil {
			b.Close()
		}
	}()
	if b.embeddedDatabase || b.embeddedNATS || b.embeddedMQTT {
		if b.lock, err = embedded.Lock(s.DataDir); err != nil {
			return nil, err
		}
	}
	var group errgroup.Group
	if b.embeddedDatabase {
		group.Go(func() error { return b.startPostgres(ctx, s, log) })
	}
	if b.embeddedNATS || b.embeddedMQTT {
		group.Go(func() error { return b.startNATS(s, log) })
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	b.natsShown = redactURL(b.natsURL)
	return b, nil
}

func (b *backends) startPostgres(ctx context.Context, s *settings, log *slog.Logger) (err error) {
	b.postgres, err = embedded.StartPostgres(ctx, embedded.PostgresConfig{
		Dir: s.postgresDir(), Port: s.EmbeddedPGPort, BinDir: s.EmbeddedPGBin, Logger: log,
	})
	if err != nil {
		return err
	}
	b.databaseURL = b.postgres.DSN()
	b.password, err = prepareDatabase(ctx, s.store(b.databaseURL), log)
	return err
}

// prepareDatabase brings the embedded database to the schema of this program. A
// new one gets the demo plant and the first user, whose password is returned.
func prepareDatabase(ctx context.Context, cfg store.Config, log *slog.Logger) (password string, err error) {
	m, err := migrations.Open(ctx, cfg.URL)
	if err != nil {
		return "", err
	}
	before, _, err := m.Version()
	if err == nil && before < migrations.Latest() {
		_, err = m.Up()
	}
	if err = errors.Join(err, m.Close()); err != nil {
		return "", err
	}
	if before > 0 {
		return "", nil
	}
	db, err := store.Open(cfg, prometheus.NewRegistry())
	if err != nil {
		return "", err
	}
	defer db.Close()
	added, err := db.Seed(ctx, true)
	if err != nil {
		return "", err
	}
	log.Info("new database: schema, templates and demo plant made", "schema", migrations.Latest(), "rows", added)
	return auth.EnsureAdmin(ctx, db, log)
}

func (b *backends) startNATS(s *settings, log *slog.Logger) (err error) {
	cfg := s.embeddedMQTT()
	cfg.Port, cfg.Logger = freeIfZero(s.EmbeddedNATSPort), log
	cfg.NoSync = embeddedNoSync
	if !b.embeddedNATS {
		cfg.Port = -1 // there for its MQTT listener only
	}
	if b.embeddedMQTT {
		cfg.MQTTPort = freeIfZero(s.EmbeddedMQTTPort)
	}
	if b.nats, err = embedded.StartNATS(cfg); err != nil {
		return err
	}
	if b.embeddedNATS {
		b.natsURL = b.nats.URL()
	}
	if b.embeddedMQTT {
		b.mqttURL = b.nats.MQTTURL()
	}
	return nil
}

// broker is how the bridge reaches the broker: the embedded one as a user of its
// own, so that a users file needs no entry for it.
func (b *backends) broker(s *settings) ingest.Config {
	cfg := s.ingest(b.mqttURL)
	// With it a bridge that was killed and started again need not wait until its
	// own lease has run out. Without it (a directory that several processes use,
	// or none that can be written to) it does.
	cfg.Identity, b.identity, _ = embedded.Identity(s.DataDir, "bridge")
	if b.embeddedMQTT {
		cfg.Resume = b.nats.Resume
		access := b.nats.MQTTBridge()
		cfg.Username, cfg.Password, cfg.TLS = access.Username, access.Password, access.TLS
	}
	return cfg
}

// freeIfZero writes "a free port" as the server knows it.
func freeIfZero(port int) int {
	if port == 0 {
		return -1
	}
	return port
}

// watch returns an error if the embedded database ends while ctx lasts: then the
// process ends, too, for its supervisor to start both again.
func (b *backends) watch(ctx context.Context) error {
	if b.postgres == nil {
		return nil
	}
	select {
	case <-ctx.Done():
		return nil
	case <-b.postgres.Done():
		return fmt.Errorf("the embedded PostgreSQL has ended: %w", b.postgres.Err())
	}
}

// Close stops what was started.
func (b *backends) Close() {
	if b.nats != nil {
		b.nats.Close()
	}
	if b.postgres != nil {
		_ = b.postgres.Close() // its log says what was wrong
	}
	_ = b.identity.Unlock()
	_ = b.lock.Unlock()
}

func (*backends) note(isEmbedded bool) string {
	if isEmbedded {
		return " (embedded)"
	}
	return ""
}

func redactURL(s string) string {
	if u, err := url.Parse(s); err == nil {
		return u.Redacted()
	}
	return "[redacted]"
}
