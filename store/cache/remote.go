package cache

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
)

// maxKeys is the most keys in one round trip: more would keep Redis, which does one
// command at a time, from others.
const maxKeys = 1000

// limits are what tests choose differently.
type limits struct {
	timeout    time.Duration // of a round trip, with connecting
	mostDoubts int
	now        func() time.Time
}

// remote is a cache in Redis.
type remote struct {
	limits
	client  *redis.Client
	ttl     time.Duration
	log     *slog.Logger
	metrics *metrics
	doubts  *doubts

	mu      sync.Mutex // guards what follows
	breaker breaker
	refused bool // logged since the breaker was closed
}

func newRemote(cfg Config, ttl time.Duration, log *slog.Logger, reg prometheus.Registerer, l limits) (*remote, error) {
	opts, err := options(cfg, l.timeout)
	if err != nil {
		return nil, err
	}
	// Together with the deadline that each call sets, connecting, the handshake and
	// waiting for a free connection are within the bound, and not each in one of its own.
	opts.ContextTimeoutEnabled = true
	opts.PipelinePoolSize = -1 // all calls are pipelines: one pool is enough
	r := &remote{
		limits: l, client: redis.NewClient(opts), ttl: ttl, log: log, metrics: newMetrics(reg),
		doubts: &doubts{most: l.mostDoubts, keys: map[string]uint64{}},
	}
	r.metrics.withRedis(reg, func() breakerState {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.breaker.state
	})
	return r, nil
}

// Taken implements Cache. Each thousand of keys is one round trip.
func (r *remote) Taken(ctx context.Context, keys []Key) []*Holder {
	holders := make([]*Holder, len(keys))
	names := namesOf(keys)
	for from := 0; from < len(names); from += maxKeys {
		to := min(from+maxKeys, len(names))
		if !r.taken(ctx, names[from:to], holders[from:to]) {
			break // what is left would fail as slowly
		}
	}
	r.metrics.count(holders)
	return holders
}

func (r *remote) taken(ctx context.Context, names []string, holders []*Holder) bool {
	doubtful, horizon := r.doubts.among(names)
	var get *redis.SliceCmd
	if !r.call(ctx, nil, func(p redis.Pipeliner) { get = p.MGet(ctx, names...) }) {
		return false
	}
	var unreadable []string
	for i, value := range get.Val() {
		text, ok := value.(string)
		if !ok || doubtful[names[i]] {
			continue
		}
		at, h, ok := decode(text)
		if !ok {
			unreadable = append(unreadable, names[i])
		} else if at.After(horizon) {
			holders[i] = &h
		}
	}
	if unreadable != nil {
		r.metrics.errors.Add(float64(len(unreadable)))
		r.doubts.add(unreadable, r.now()) // deleted with the next call
	}
	return true
}

// Add implements Cache.
func (r *remote) Add(ctx context.Context, entries []Entry) {
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = name(e.Key)
	}
	now := r.now()
	r.write(ctx, names, func(p redis.Pipeliner, from, to int) {
		for i := from; i < to; i++ {
			p.Set(ctx, names[i], encode(now, entries[i].Holder), r.ttl)
		}
	})
}

// Forget implements Cache.
func (r *remote) Forget(ctx context.Context, keys []Key) {
	names := namesOf(keys)
	r.write(ctx, names, func(p redis.Pipeliner, from, to int) { p.Unlink(ctx, names[from:to]...) })
}

// write sends what queue makes for names[from:to], a thousand in a round trip.
func (r *remote) write(ctx context.Context, names []string, queue func(p redis.Pipeliner, from, to int)) {
	for from := 0; from < len(names); from += maxKeys {
		to := min(from+maxKeys, len(names))
		if !r.call(ctx, names[from:to], func(p redis.Pipeliner) { queue(p, from, to) }) {
			r.doubts.add(names[from:], r.now())
			return
		}
	}
}

// State implements Cache. It tries a Redis that was away, so that its return shows
// without anybody using the cache.
func (r *remote) State(ctx context.Context) State {
	if r.call(ctx, nil, func(p redis.Pipeliner) { p.Ping(ctx) }) {
		return StateConnected
	}
	return StateDisconnected
}

// Close implements Cache.
func (r *remote) Close() error { return r.client.Close() }

// call sends what queue makes in one round trip, behind the deletion of keys in
// doubt, and reports whether all of it was answered. written are the keys that are
// not in doubt any more then.
func (r *remote) call(ctx context.Context, written []string, queue func(redis.Pipeliner)) bool {
	r.mu.Lock()
	turn, ok := r.breaker.allow(r.now())
	r.mu.Unlock()
	if !ok {
		return false
	}
	bounded, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	pipe := r.client.Pipeline()
	doubtful, last := r.doubts.some(maxKeys)
	if doubtful != nil {
		pipe.Unlink(bounded, doubtful...)
	}
	queue(pipe)
	_, err := pipe.Exec(bounded)
	r.report(ctx, turn, err)
	if err != nil {
		return false
	}
	r.doubts.settle(doubtful, last)
	r.doubts.settle(written, last)
	return true
}

// report tells the breaker and the operator what became of a call: err, if ctx, the
// caller's, has not ended.
func (r *remote) report(ctx context.Context, turn uint64, err error) {
	became := answered
	switch {
	case err == nil:
	case over(ctx):
		became = abandoned
	default:
		r.metrics.errors.Inc()
		if !refusal(err) {
			became = failed
		}
	}
	r.mu.Lock()
	before := r.breaker.state
	r.breaker.report(turn, became, r.now())
	after := r.breaker.state
	refused := became == answered && err != nil && !r.refused
	r.refused = r.refused && after == before || refused
	r.mu.Unlock()

	switch {
	case refused:
		r.log.WarnContext(ctx, "redis refuses what the cache asks for", "error", err)
	case before == closed && after == open:
		r.log.WarnContext(ctx, "redis does not answer, claims are looked up in the database", "error", err)
	case before == halfOpen && after == closed:
		r.log.InfoContext(ctx, "redis answers again")
	}
}

// over reports whether ctx has ended. Its deadline is looked at as well: it is the
// connection's, too, which may notice first.
func over(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ctx.Err() != nil || ok && time.Until(deadline) <= 0
}

// refusal reports whether err is the answer of a Redis that is well and does not do
// this: out of memory without eviction, a replica, a full disk, an access list.
func refusal(err error) bool {
	for _, code := range []string{"OOM", "READONLY", "MISCONF", "NOREPLICAS", "NOPERM"} {
		if redis.HasErrorPrefix(err, code) {
			return true
		}
	}
	return false
}
