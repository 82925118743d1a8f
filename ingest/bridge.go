package ingest

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/stream"
)

const (
	// settleTimeout bounds how long a stopping bridge tries to store what it has
	// begun; the broker sends the rest again.
	settleTimeout = 5 * time.Second
	// defaultCycleAfter is how long a batch is tried before the bridge gives its
	// connection up: what it holds is the broker's to keep, and costs no memory
	// here.
	defaultCycleAfter = 10 * time.Second
	maxBackoff        = 2 * time.Second
	// recentWindow is a little more than the streams' duplicate window.
	recentWindow = 15 * time.Second
)

// Bridge forwards what devices publish over MQTT to the event stream.
type Bridge struct {
	cfg     Config
	conn    *stream.Conn
	log     *slog.Logger
	metrics *metrics
	dialer  *dialer
	router  *Router
	recent  *recentIDs
	doubles *debouncer
	limiter *rateLimiter
	linger  stream.Linger
	lease   *stream.Lease
	current atomic.Pointer[session] // nil while there is none
	told    trouble
	// cycleAfter is defaultCycleAfter but in tests.
	cycleAfter time.Duration
}

// NewBridge returns a Bridge from the broker of cfg to the streams of conn. It
// starts nothing.
func NewBridge(cfg Config, conn *stream.Conn, log *slog.Logger, reg prometheus.Registerer) *Bridge {
	b := &Bridge{
		cfg: cfg, conn: conn, log: log, dialer: newDialer(cfg, log, cfg.MaxPayload), recent: newRecentIDs(recentWindow),
		doubles: newDebouncer(), limiter: newRateLimiter(cfg.DeviceRate, cfg.DeviceBurst), cycleAfter: defaultCycleAfter,
		lease: conn.Lease("bridge-"+seriald.SubjectKey(cfg.ClientID), cfg.Identity, log),
	}
	var err error
	if b.router, err = cfg.Router(); err != nil {
		panic("ingest: a configuration that Validate refuses: " + err.Error())
	}
	b.metrics = newBridgeMetrics(reg,
		func() float64 { return float64(b.inFlight()) },
		func() float64 {
			if b.Connected() {
				return 1
			}
			return 0
		})
	return b
}

// Connected reports whether the bridge is connected to the broker and receives.
func (b *Bridge) Connected() bool {
	s := b.current.Load()
	return s != nil && s.subscribed.Load()
}

// inFlight is how many messages were received and are not settled.
func (b *Bridge) inFlight() int64 {
	s := b.current.Load()
	if s == nil {
		return 0
	}
	return s.inFlight.Load()
}

// Standby reports whether another bridge does the work, and this one waits to
// take over.
func (b *Bridge) Standby() bool { return !b.Connected() && b.lease.Standby() }

// Run forwards events until ctx ends and what it was forwarding is settled. It
// waits for the broker and for NATS as long as they are away.
//
// Without a group to share a subscription, one bridge of a client id works at a
// time, and the others wait for its lease. What the lease can't promise, the
// broker does: of two connections with one client id it ends the older.
func (b *Bridge) Run(ctx context.Context) error {
	if b.cfg.ShareGroup != "" {
		return b.work(ctx)
	}
	if b.conn.Ready(ctx, b.log) != nil {
		return nil //nolint:nilerr // ctx ended
	}
	return b.lease.Hold(ctx, b.work)
}

// work forwards, one session after the other, until ctx ends.
func (b *Bridge) work(ctx context.Context) error {
	wait := retryFirst
	for ctx.Err() == nil {
		// Without a stream to store in there is no use in receiving.
		if b.conn.Ready(ctx, b.log) != nil {
			break // ctx ended
		}
		received, err := newSession(b).run(ctx)
		if received {
			wait = retryFirst
		}
		if ctx.Err() == nil {
			b.told.warn(b.log, "mqtt session ended, the broker keeps what was not stored", err)
		}
		pause(ctx, wait)
		wait = min(2*wait, maxBackoff)
	}
	return nil //nolint:nilerr // a session's error is told, and the next one tried
}

// pause waits for d, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// trouble says in the log what is wrong, once for each thing: a storm of
// failures is one line.
type trouble struct {
	mu   sync.Mutex // guards last
	last string
}

// warn logs err unless it is what was logged last.
func (t *trouble) warn(log *slog.Logger, message string, err error) {
	if err == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if err.Error() == t.last {
		return
	}
	t.last = err.Error()
	log.Warn(message, "error", err) //nolint:sloglint // the callers' messages are constant
}

// over forgets what is wrong.
func (t *trouble) over() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last = ""
}
