package cache

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// ratePrefix keeps the counts apart from claims and from the keys of others.
const ratePrefix = "machshop:rate:"

// ErrAway says that Redis did not answer a while ago and is not asked just now.
var ErrAway = errors.New("redis is away")

// countScript counts one and begins the window with the first. It is one step for
// Redis, so that no count is left without an end, and time is by one clock, Redis's.
// A count that has no end, as after a PERSIST, gets one.
var countScript = redis.NewScript(`
local n = redis.call('INCR', KEYS[1])
local left = redis.call('PTTL', KEYS[1])
if left < 0 then
  left = tonumber(ARGV[1])
  redis.call('PEXPIRE', KEYS[1], left)
end
return {n, left}`)

// RateCounter counts in Redis, for all processes, how often somebody did something in
// a window of time. Several goroutines may use it at once.
type RateCounter struct {
	timeout time.Duration
	client  *redis.Client
	log     *slog.Logger
	now     func() time.Time

	mu      sync.Mutex // guards what follows
	breaker breaker
	refused bool // logged since the breaker was closed
}

// NewRateCounter returns a counter in the Redis of cfg, which must have a URL. A Redis
// that is away is no error. The caller must Close it.
func NewRateCounter(cfg Config, log *slog.Logger) (*RateCounter, error) {
	return newRateCounter(cfg, log, operationTimeout, time.Now)
}

func newRateCounter(cfg Config, log *slog.Logger, timeout time.Duration, now func() time.Time) (*RateCounter, error) {
	opts, err := options(cfg, timeout)
	if err != nil {
		return nil, err
	}
	opts.ContextTimeoutEnabled = true
	return &RateCounter{timeout: timeout, client: redis.NewClient(opts), log: log, now: now}, nil
}

// Count counts one for key and returns how many that are in its window, which began
// with the first and is as long as window says (to the millisecond), and how long it
// lasts still. It is one round trip of at most 50 ms; a Redis that failed five times
// in a row is left alone for a second, with ErrAway.
func (c *RateCounter) Count(ctx context.Context, key string, window time.Duration) (n int64, left time.Duration, err error) {
	c.mu.Lock()
	turn, ok := c.breaker.allow(c.now())
	c.mu.Unlock()
	if !ok {
		return 0, 0, ErrAway
	}
	bounded, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	counted, err := countScript.Run(bounded, c.client, []string{ratePrefix + key}, window.Milliseconds()).Int64Slice()
	if err == nil && len(counted) != 2 {
		err = fmt.Errorf("redis answers with %d numbers", len(counted))
	}
	c.report(ctx, turn, err)
	if err != nil {
		return 0, 0, fmt.Errorf("count requests in redis: %w", err)
	}
	return counted[0], time.Duration(counted[1]) * time.Millisecond, nil
}

// report tells the breaker and the operator what became of a call: err, if ctx, the
// caller's, has not ended.
func (c *RateCounter) report(ctx context.Context, turn uint64, err error) {
	became := answered
	switch {
	case err == nil:
	case over(ctx):
		became = abandoned
	case refusal(err):
	default:
		became = failed
	}
	c.mu.Lock()
	before := c.breaker.state
	c.breaker.report(turn, became, c.now())
	after := c.breaker.state
	refused := became == answered && err != nil && !c.refused
	c.refused = c.refused && after == before || refused
	c.mu.Unlock()

	switch {
	case refused:
		c.log.WarnContext(ctx, "redis refuses to count requests, each process counts for itself", "error", err)
	case before == closed && after == open:
		c.log.WarnContext(ctx, "redis does not answer, each process counts requests for itself", "error", err)
	case before == halfOpen && after == closed:
		c.log.InfoContext(ctx, "redis counts requests again")
	}
}

// Close closes the connections.
func (c *RateCounter) Close() error { return c.client.Close() }
