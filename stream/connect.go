package stream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Config is how to reach NATS and how its streams are kept.
type Config struct {
	// URL is one or more server URLs, separated by commas.
	URL string
	// Credentials is a NATS credentials file, "" for none.
	Credentials string
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
	if c.Credentials != "" {
		if _, err := os.Stat(c.Credentials); err != nil {
			errs = append(errs, fmt.Errorf("NATS_CREDS: %w", err))
		}
	}
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

// minMajor and minMinor are the oldest server that has all that is used: atomic
// batches (2.12) and the reset of a consumer to its ack floor (2.14).
const minMajor, minMinor = 2, 14

// Conn is a connection to NATS.
type Conn struct {
	NATS *nats.Conn
	JS   jetstream.JetStream
	cfg  Config
}

// Connect opens a connection that reconnects for ever. A server that can't be
// reached is no error: the connection keeps trying, and [Conn.Up] tells. The
// caller must Close the Conn.
func Connect(cfg Config, name string, log *slog.Logger) (*Conn, error) {
	opts := []nats.Option{
		nats.Name(name),
		nats.RetryOnFailedConnect(true),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(100 * time.Millisecond),
		nats.ReconnectJitter(50*time.Millisecond, 50*time.Millisecond),
		// Nothing is buffered for a server that is away: what was not sent is
		// an error at once, and stays with the one who has it.
		nats.ReconnectBufSize(-1),
		nats.PingInterval(5 * time.Second),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				log.Warn("nats connection lost", "error", err)
			}
		}),
		nats.ReconnectHandler(func(nc *nats.Conn) { log.Info("nats connected", "url", nc.ConnectedUrlRedacted()) }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { log.Warn("nats error", "error", err) }),
	}
	if cfg.Credentials != "" {
		opts = append(opts, nats.UserCredentials(cfg.Credentials))
	}
	nc, err := nats.Connect(cfg.URL, opts...)
	if err != nil {
		return nil, fmt.Errorf("connect to NATS: %w", err)
	}
	js, err := jetstream.New(nc, jetstream.WithDefaultTimeout(5*time.Second))
	if err != nil {
		nc.Close()
		return nil, fmt.Errorf("open JetStream: %w", err)
	}
	return &Conn{NATS: nc, JS: js, cfg: cfg}, nil
}

// Close ends the connection. What was published is confirmed or was reported.
func (c *Conn) Close() { c.NATS.Close() }

// Up reports whether the connection stands.
func (c *Conn) Up() bool { return c.NATS.IsConnected() }

// CheckServer refuses a server that is too old.
func (c *Conn) CheckServer() error {
	version := c.NATS.ConnectedServerVersion()
	if version == "" {
		return nats.ErrDisconnected
	}
	if !atLeast(version, minMajor, minMinor) {
		return fmt.Errorf("NATS server %s is too old: %d.%d or later is needed", version, minMajor, minMinor)
	}
	return nil
}

func atLeast(version string, major, minor int) bool {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 2 {
		return false
	}
	haveMajor, err1 := strconv.Atoi(parts[0])
	haveMinor, err2 := strconv.Atoi(parts[1])
	return err1 == nil && err2 == nil && (haveMajor > major || haveMajor == major && haveMinor >= minor)
}

// Ready waits until the server is there and has all streams, and says in the
// log why it still waits. It returns an error only when ctx ends.
func (c *Conn) Ready(ctx context.Context, log *slog.Logger) error {
	last := ""
	for wait := 20 * time.Millisecond; ; wait = min(2*wait, 2*time.Second) {
		err := c.CheckServer()
		if err == nil {
			if err = c.Provision(ctx); err == nil {
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
