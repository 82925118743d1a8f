package stream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/machshop/seriald/tlsfiles"
)

// Config is how to reach NATS and how its streams are kept.
type Config struct {
	// URL is one or more server URLs, nats:// or tls://, separated by commas.
	URL string
	// Credentials is a NATS credentials file, "" for none.
	Credentials string
	// Username and Password, empty for none. Not together with Credentials.
	Username, Password string
	// TLS are the files for TLS. With any of them a server without TLS is not
	// talked to, whatever the URL; ServerName is not used.
	TLS tlsfiles.Files
	// Replicas of each stream, 1 to 5. More than one needs a cluster.
	Replicas int
	// EventsMaxBytes bounds the event stream. A full stream refuses new events,
	// so that the bridge stops acknowledging; it never drops any.
	EventsMaxBytes int64
	// EventsKeep is how long an event stays in the stream after it was
	// processed.
	EventsKeep time.Duration
}

// Defaults.
const (
	DefaultReplicas       = 1
	DefaultEventsMaxBytes = 8 << 30
	DefaultEventsKeep     = 24 * time.Hour
)

// Validate lists what is wrong, in one error.
func (c Config) Validate() error {
	var errs []error
	for u := range strings.SplitSeq(c.URL, ",") {
		if !strings.Contains(u, "://") {
			errs = append(errs, fmt.Errorf("NATS_URL: %q is not a URL: write nats://host:4222", u))
		}
	}
	errs = append(errs, c.validateCredentials())
	if c.Replicas < 1 || c.Replicas > 5 {
		errs = append(errs, fmt.Errorf("NATS_REPLICAS: must be from 1 to 5, not %d", c.Replicas))
	}
	if c.EventsMaxBytes < 1<<20 {
		errs = append(errs, errors.New("EVENTS_MAX_BYTES: must be at least 1048576"))
	}
	if c.EventsKeep < 0 {
		errs = append(errs, errors.New("EVENTS_KEEP: must not be negative"))
	}
	return errors.Join(errs...)
}

// Conn is a connection to NATS.
type Conn struct {
	NATS *nats.Conn
	JS   jetstream.JetStream
	cfg  Config

	// withoutAtomic is the version of a server whose streams were found not to
	// take atomic batches; nil for none.
	withoutAtomic atomic.Pointer[string]
	connection    *connection
	toldOld       atomic.Pointer[string] // the version of the old server that the log has been told of
}

// Connect opens a connection that reconnects for ever. A server that can't be
// reached is no error: the connection keeps trying, and [Conn.Up] tells. The
// caller must Close the Conn.
func Connect(cfg Config, name string, log *slog.Logger) (*Conn, error) {
	retry, connection := &retry{log: log}, newConnection()
	opts := []nats.Option{
		nats.Name(name),
		// Nothing is buffered for a server that is away: what was not sent is
		// an error at once, and stays with the one who has it.
		nats.ReconnectBufSize(-1),
		// A server that is gone without a word is found out in 9 s at most: until
		// then every event and every outcome waits.
		nats.PingInterval(3 * time.Second),
		nats.MaxPingsOutstanding(2),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			connection.lost()
			if err != nil {
				log.Warn("nats connection lost", "error", err)
			}
		}),
		nats.ReconnectHandler(func(nc *nats.Conn) {
			retry.connected()
			log.Info("nats connected", "url", nc.ConnectedUrlRedacted())
		}),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			if !credentialsRefused(err) { // retry tells that
				log.Warn("nats error", "error", err)
			}
		}),
	}
	opts = append(append(opts, retry.options()...), cfg.credentials()...)
	nc, err := nats.Connect(cfg.URL, opts...)
	if err != nil {
		return nil, fmt.Errorf("connect to NATS: %w", err)
	}
	retry.conn.Store(nc)
	js, err := jetstream.New(nc, jetstream.WithDefaultTimeout(5*time.Second))
	if err != nil {
		nc.Close()
		return nil, fmt.Errorf("open JetStream: %w", err)
	}
	return &Conn{NATS: nc, JS: js, cfg: cfg, connection: connection}, nil
}

// Close ends the connection. What was published is confirmed or was reported.
func (c *Conn) Close() { c.NATS.Close() }

// Problem tells why the last try to connect failed and what to set; nil if there
// was none.
func (c *Conn) Problem() error {
	if err := c.NATS.LastError(); err != nil {
		return explain(err)
	}
	return nil
}

// Up reports whether the connection stands.
func (c *Conn) Up() bool { return c.NATS.IsConnected() }

// Ready waits until the server is there and has all streams, and says in the
// log why it still waits. It returns an error only when ctx ends.
func (c *Conn) Ready(ctx context.Context, log *slog.Logger) error {
	last := ""
	for wait := 20 * time.Millisecond; ; wait = min(2*wait, 2*time.Second) {
		err := c.CheckServer()
		if err == nil {
			if err = c.Provision(ctx); err == nil {
				version := c.NATS.ConnectedServerVersion()
				if lacks := c.Lacks(); lacks != "" && c.toldOld.Swap(&version) == nil {
					log.Warn("old nats server", "version", version, "lacks", lacks)
				}
				return nil
			}
		}
		if ctx.Err() == nil && err.Error() != last && wait > 100*time.Millisecond {
			last = err.Error()
			log.Warn("waiting for nats", "error", err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for NATS: %w", ctx.Err())
		case <-time.After(wait):
		}
	}
}
