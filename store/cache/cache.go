// Package cache remembers who has a claim. It may answer "taken, and by whom"
// early; what it does not know may be taken all the same, so that it never says
// "free". Losing it changes speed and nothing else, which is why nothing here
// returns an error to those who ask: a failure is something that is not known.
//
// It is Redis, which processes share, or memory of this process where there is
// no Redis. An answer is at most a TTL old. How it may be wrong for so long:
//
//   - An Add of what was read in front of a Forget may come after it. Whoever
//     frees a claim therefore calls Forget after COMMIT, and whoever adds one
//     calls Add after COMMIT or with what was read just now.
//   - A Forget that could not reach Redis is caught up with when Redis answers
//     again; until then this process does not answer for its keys, but others do,
//     and if this process ends before, they lie until their TTL ends.
//   - A Redis that was restored from a snapshot holds what was forgotten since.
//
// So a "taken" is a reason to refuse early where the sender can ask again, or to
// look at the holder first; the unique index stays the judge.
package cache

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"github.com/machshop/seriald"
)

// Key is what is claimed: the columns of the unique index. Any text is allowed.
type Key struct {
	Scope     seriald.Scope
	ScopeKey  string
	Canonical string
}

// Holder is who has a claim.
type Holder struct {
	SerialID seriald.ID // zero: the number was registered without a unit
	PartID   string
	Number   string // as scanned or made
}

// Entry is a claim that is taken.
type Entry struct {
	Key
	Holder
}

// Cache remembers claims that are taken. Several goroutines may use it at once.
type Cache interface {
	// Taken returns for each of keys, in their order, who has it; nil means that
	// this is not known.
	Taken(ctx context.Context, keys []Key) []*Holder
	// Add remembers entries for a TTL from now. Of several with one key the last
	// one counts.
	Add(ctx context.Context, entries []Entry)
	// Forget has keys not known any more.
	Forget(ctx context.Context, keys []Key)
	// State reports whether Redis answers, by asking it.
	State(ctx context.Context) State
	// Close ends the cache, which must not be used any more.
	Close() error
}

// State is how it is with Redis, in the words of /health.
type State string

// The states.
const (
	StateConnected    State = "connected"
	StateDisconnected State = "disconnected"
	StateDisabled     State = "disabled" // there is no Redis, or nothing is to be remembered
)

// Config is how to reach Redis.
type Config struct {
	// URL is redis://host:6379/0; "" means that there is no Redis.
	URL string
	// DB, if not negative, replaces the database number of URL.
	DB int
	// Password, if not empty, replaces the password of URL.
	Password string
}

// Validate lists what is wrong, in one error.
func (c Config) Validate() error {
	if c.URL == "" {
		return nil
	}
	if _, err := redis.ParseURL(c.URL); err != nil {
		return errors.New("REDIS_URL: is not a Redis URL: write redis://host:6379/0")
	}
	return nil
}

// New returns the cache of this process: in Redis if cfg has a URL, in memory if
// not, and one that knows nothing if ttl is 0. A Redis that is away is no error.
// The metrics are registered with reg, which can have those of one cache only. The
// caller must Close the cache.
func New(cfg Config, ttl time.Duration, log *slog.Logger, reg prometheus.Registerer) (Cache, error) {
	switch {
	case ttl <= 0:
		return disabled{}, nil
	case cfg.URL == "":
		return newLocal(ttl, reg)
	}
	return newRemote(cfg, ttl, log, reg, limits{timeout: operationTimeout, mostDoubts: maxDoubts, now: time.Now})
}

// disabled knows nothing.
type disabled struct{}

// Taken implements Cache.
func (disabled) Taken(_ context.Context, keys []Key) []*Holder { return make([]*Holder, len(keys)) }

// Add implements Cache.
func (disabled) Add(context.Context, []Entry) {}

// Forget implements Cache.
func (disabled) Forget(context.Context, []Key) {}

// State implements Cache.
func (disabled) State(context.Context) State { return StateDisabled }

// Close implements Cache.
func (disabled) Close() error { return nil }
