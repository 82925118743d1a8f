package cache_test

import (
	"context"
	"log/slog"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"github.com/machshop/seriald/proctest"
	"github.com/machshop/seriald/store/cache"
)

// model is what a cache was told; what it tells must be of it.
type model struct {
	cache.Cache
	holders map[cache.Key]cache.Holder // by the last Add, if no Forget came after it
	keys    *rapid.Generator[[]cache.Key]
}

func newModel(c cache.Cache) *model {
	one := rapid.SampledFrom([]cache.Key{key("A"), key("B"), key("C"), key("D"), key("E"), key("F"), key("A\x1f:%")})
	return &model{Cache: c, holders: map[cache.Key]cache.Holder{}, keys: rapid.SliceOfN(one, 1, 4)}
}

func (m *model) add(t *rapid.T) {
	var entries []cache.Entry
	for _, k := range m.keys.Draw(t, "added") {
		e := cache.Entry{Key: k, Holder: *holder(rapid.Byte().Draw(t, "holder"))}
		entries = append(entries, e)
		m.holders[k] = e.Holder
	}
	m.Add(context.Background(), entries)
}

func (m *model) forget(t *rapid.T) {
	keys := m.keys.Draw(t, "forgotten")
	m.Forget(context.Background(), keys)
	for _, k := range keys {
		delete(m.holders, k)
	}
}

func (m *model) taken(t *rapid.T) {
	keys := m.keys.Draw(t, "asked for")
	for i, got := range m.Taken(context.Background(), keys) {
		if want, ok := m.holders[keys[i]]; got != nil && (!ok || *got != want) {
			t.Errorf("%q is taken by %v; it was added last with %v (%t)", keys[i], *got, want, ok)
		}
	}
}

func TestHistoriesInMemory(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c, err := cache.New(cache.Config{}, time.Hour, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		m := newModel(c)
		t.Repeat(map[string]func(*rapid.T){"add": m.add, "forget": m.forget, "": m.taken})
	})
}

// Whatever becomes of Redis, nothing is told but what was added last.
func TestHistoriesWithRedis(t *testing.T) {
	t.Parallel()
	server := startRedis(t, "")
	h := &history{server: server, past: redis.NewClient(&redis.Options{Addr: server.Address})}
	t.Cleanup(func() { _ = h.past.Close() })
	rapid.Check(t, func(t *rapid.T) {
		h.clock = newClock()
		h.flushed(t)
		c, err := cache.NewRedis(cache.Config{URL: "redis://" + server.Address, DB: -1}, time.Hour,
			slog.New(slog.DiscardHandler), prometheus.NewRegistry(),
			// Few keys in doubt are remembered, so that all comes to be in doubt, too.
			10*time.Millisecond, rapid.IntRange(0, 8).Draw(t, "doubts"), h.clock.now)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		h.model = newModel(c)
		t.Repeat(map[string]func(*rapid.T){
			"add": h.add, "add more": h.add, "forget": h.forget, "forget more": h.forget, "time passes": func(*rapid.T) { h.clock.pass() },
			"a state is asked for": func(*rapid.T) { h.State(context.Background()) },
			"garbage":              h.garbage,
			"redis":                h.trouble,
			"": func(t *rapid.T) {
				h.clock.ms.Add(1)
				h.taken(t)
			},
		})
	})
}

// history is what becomes of caches, one after another, and of their Redis.
type history struct {
	*model
	clock          *clock
	server         *proctest.Program
	past           *redis.Client // past the cache
	paused, killed bool
}

// running has Redis run again.
func (h *history) running() {
	if h.killed {
		h.server.Restart()
	} else if h.paused {
		h.server.Signal(syscall.SIGCONT)
	}
	h.killed, h.paused = false, false
}

// flushed has Redis run without anything in it.
func (h *history) flushed(t *rapid.T) {
	h.running()
	if err := h.past.FlushAll(context.Background()).Err(); err != nil {
		t.Fatal(err)
	}
}

// trouble is rarer than what it troubles, because it takes its time.
func (h *history) trouble(t *rapid.T) {
	switch rapid.IntRange(0, 7).Draw(t, "trouble") {
	case 0:
		h.server.Kill()
		h.killed, h.paused = true, false
	case 1:
		if !h.killed {
			h.server.Signal(syscall.SIGSTOP)
			h.paused = true
		}
	case 2:
		h.flushed(t)
	default:
		h.running()
	}
}

// garbage is written under our names.
func (h *history) garbage(t *rapid.T) {
	if h.killed || h.paused {
		t.Skip("Redis is away")
	}
	for _, k := range h.keys.Draw(t, "written by others") {
		value := rapid.OneOf(rapid.SampledFrom([]string{"", "1:", "1:0::P", "2:0::P:N", "null"}), rapid.String()).Draw(t, "value")
		if err := h.past.Set(context.Background(), cache.Name(k), value, 0).Err(); err != nil {
			t.Fatal(err)
		}
	}
}
