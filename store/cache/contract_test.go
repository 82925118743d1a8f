package cache_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/proctest"
	"github.com/machshop/seriald/store/cache"
)

// patient is a bound of a round trip that a loaded machine keeps, for tests that
// want answers.
const patient = 30 * time.Second

// subject is a cache in a test.
type subject struct {
	testing.TB
	cache.Cache
	reg   *prometheus.Registry
	redis *proctest.Program // nil for the one in memory
	log   *proctest.Buffer
}

// overRedis returns a cache in a Redis of its own, which allows no password.
func overRedis(tb testing.TB, ttl, timeout time.Duration, now func() time.Time) *subject {
	tb.Helper()
	s := &subject{TB: tb, reg: prometheus.NewRegistry(), redis: startRedis(tb, ""), log: &proctest.Buffer{}}
	var err error
	s.Cache, err = cache.NewRedis(cache.Config{URL: "redis://" + s.redis.Address, DB: -1}, ttl,
		slog.New(slog.NewTextHandler(s.log, nil)), s.reg, timeout, 10_000, now)
	if err != nil {
		tb.Fatal(err)
	}
	s.closed()
	return s
}

// inMemory returns a cache in memory.
func inMemory(tb testing.TB, ttl time.Duration) *subject {
	tb.Helper()
	s := &subject{TB: tb, reg: prometheus.NewRegistry(), log: &proctest.Buffer{}}
	var err error
	if s.Cache, err = cache.New(cache.Config{}, ttl, slog.New(slog.NewTextHandler(s.log, nil)), s.reg); err != nil {
		tb.Fatal(err)
	}
	s.closed()
	return s
}

// closed has the cache closed when the test ends.
func (s *subject) closed() {
	s.Cleanup(func() {
		if err := s.Close(); err != nil {
			s.Error(err)
		}
	})
}

// forEach runs a test with each implementation.
func forEach(t *testing.T, ttl time.Duration, test func(*subject)) {
	t.Helper()
	t.Parallel()
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		test(inMemory(t, ttl))
	})
	t.Run("redis", func(t *testing.T) {
		t.Parallel()
		test(overRedis(t, ttl, patient, time.Now))
	})
}

// metric returns the value of a metric without labels.
func (s *subject) metric(name string) float64 {
	s.Helper()
	families, err := s.reg.Gather()
	if err != nil {
		s.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetCounter().GetValue() + f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	s.Fatalf("there is no metric %s", name)
	return 0
}

// known checks who has the keys; nil is not known.
func (s *subject) known(what string, keys []cache.Key, want ...*cache.Holder) {
	s.Helper()
	if diff := cmp.Diff(want, s.Taken(s.Context(), keys)); diff != "" {
		s.Errorf("%s: -want +got\n%s", what, diff)
	}
}

// eventually waits until a condition holds.
func eventually(tb testing.TB, what string, holds func() bool) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for !holds() {
		select {
		case <-ctx.Done():
			tb.Fatalf("not in a minute: %s", what)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func key(canonical string) cache.Key {
	return cache.Key{Scope: seriald.ScopeSite, ScopeKey: "AUSTIN", Canonical: canonical}
}

func holder(n byte) *cache.Holder {
	return &cache.Holder{SerialID: seriald.ID{15: n}, PartID: "P-100", Number: fmt.Sprintf("SN %d", n)}
}

func TestClaims(t *testing.T) {
	a, b, c := key("A"), key("B"), key("C")
	registered := &cache.Holder{PartID: "P", Number: "ä\x1f:%"}
	for name, tt := range map[string]struct {
		do   func(context.Context, cache.Cache)
		want []*cache.Holder // of a, b and c
	}{
		"nothing is known":     {func(context.Context, cache.Cache) {}, []*cache.Holder{nil, nil, nil}},
		"added":                {func(ctx context.Context, s cache.Cache) { s.Add(ctx, []cache.Entry{{a, *holder(1)}, {c, *holder(3)}}) }, []*cache.Holder{holder(1), nil, holder(3)}},
		"without a unit":       {func(ctx context.Context, s cache.Cache) { s.Add(ctx, []cache.Entry{{b, *registered}}) }, []*cache.Holder{nil, registered, nil}},
		"without anything":     {func(ctx context.Context, s cache.Cache) { s.Add(ctx, []cache.Entry{{b, cache.Holder{}}}) }, []*cache.Holder{nil, {}, nil}},
		"added to nothing":     {func(ctx context.Context, s cache.Cache) { s.Add(ctx, nil) }, []*cache.Holder{nil, nil, nil}},
		"forgotten, unknown":   {func(ctx context.Context, s cache.Cache) { s.Forget(ctx, []cache.Key{a, b}) }, []*cache.Holder{nil, nil, nil}},
		"the last of a batch":  {func(ctx context.Context, s cache.Cache) { s.Add(ctx, []cache.Entry{{a, *holder(1)}, {a, *holder(2)}}) }, []*cache.Holder{holder(2), nil, nil}},
		"forgotten of nothing": {func(ctx context.Context, s cache.Cache) { s.Forget(ctx, nil) }, []*cache.Holder{nil, nil, nil}},
		"forgotten": {func(ctx context.Context, s cache.Cache) {
			s.Add(ctx, []cache.Entry{{a, *holder(1)}, {b, *holder(2)}})
			s.Forget(ctx, []cache.Key{a})
		}, []*cache.Holder{nil, holder(2), nil}},
		"added again": {func(ctx context.Context, s cache.Cache) {
			s.Add(ctx, []cache.Entry{{a, *holder(1)}})
			s.Forget(ctx, []cache.Key{a})
			s.Add(ctx, []cache.Entry{{a, *holder(2)}})
		}, []*cache.Holder{holder(2), nil, nil}},
		"another holder": {func(ctx context.Context, s cache.Cache) {
			s.Add(ctx, []cache.Entry{{a, *holder(1)}})
			s.Add(ctx, []cache.Entry{{a, *holder(2)}})
		}, []*cache.Holder{holder(2), nil, nil}},
	} {
		t.Run(name, func(t *testing.T) {
			forEach(t, time.Hour, func(s *subject) {
				tt.do(s.Context(), s)
				s.known("of three", []cache.Key{a, b, c}, tt.want...)
				s.known("of one twice", []cache.Key{b, b}, tt.want[1], tt.want[1])
				s.known("of none", nil, []*cache.Holder{}...)
			})
		})
	}
}

// Keys that differ in one place, or in where one part ends, are different keys.
func TestKeysAreDifferent(t *testing.T) {
	forEach(t, time.Hour, func(s *subject) {
		keys := []cache.Key{
			{},
			key("A"), key("a"), key(" A"), key("A\x00"),
			{Scope: seriald.ScopeVendor, ScopeKey: "acme\x1fP", Canonical: "A"},
			{Scope: seriald.ScopeVendor, ScopeKey: "acme", Canonical: "\x1fPA"},
			{Scope: seriald.ScopeVendor, ScopeKey: "acme:P", Canonical: "A"},
			{Scope: seriald.ScopeVendor, ScopeKey: "acme", Canonical: "P:A"},
			{Scope: seriald.ScopeVendor, ScopeKey: "acme%3AP", Canonical: "A"},
			{Scope: seriald.ScopeEnterprise, Canonical: "é"},
			{Scope: seriald.ScopeEnterprise, Canonical: "\xe9"},
		}
		var entries []cache.Entry
		var want []*cache.Holder
		for i, k := range keys {
			entries, want = append(entries, cache.Entry{Key: k, Holder: *holder(byte(i))}), append(want, holder(byte(i)))
		}
		s.Add(s.Context(), entries)
		s.known("all", keys, want...)
	})
}

// More than what goes in a round trip.
func TestManyClaims(t *testing.T) {
	forEach(t, time.Hour, func(s *subject) {
		const n = 2*cache.MaxKeys + 1
		var keys []cache.Key
		var entries []cache.Entry
		want := make([]*cache.Holder, n)
		for i := range n {
			keys = append(keys, key(fmt.Sprint(i)))
			entries = append(entries, cache.Entry{Key: keys[i], Holder: *holder(byte(i))})
			want[i] = holder(byte(i))
		}
		s.Add(s.Context(), entries)
		s.known("added", keys, want...)
		s.Forget(s.Context(), keys[1:])
		clear(want[1:])
		s.known("forgotten but one", keys, want...)
		if hits, misses := s.metric("seriald_cache_hits_total"), s.metric("seriald_cache_misses_total"); hits != n+1 || misses != n-1 {
			s.Errorf("counted %v hits and %v misses, want %d and %d", hits, misses, n+1, n-1)
		}
	})
}

func TestClaimsAreForgottenAfterTheTTL(t *testing.T) {
	forEach(t, 100*time.Millisecond, func(s *subject) {
		s.Add(s.Context(), []cache.Entry{{Key: key("A"), Holder: *holder(1)}})
		eventually(s, "it is forgotten", func() bool { return s.Taken(s.Context(), []cache.Key{key("A")})[0] == nil })
		s.Add(s.Context(), []cache.Entry{{Key: key("A"), Holder: *holder(2)}})
		eventually(s, "added again, it is forgotten", func() bool { return s.Taken(s.Context(), []cache.Key{key("A")})[0] == nil })
	})
}

// What is returned is the caller's own.
func TestHoldersAreCopies(t *testing.T) {
	forEach(t, time.Hour, func(s *subject) {
		s.Add(s.Context(), []cache.Entry{{Key: key("A"), Holder: *holder(1)}})
		s.Taken(s.Context(), []cache.Key{key("A")})[0].Number = "changed"
		s.known("after", []cache.Key{key("A")}, holder(1))
	})
}

func TestState(t *testing.T) {
	forEach(t, time.Hour, func(s *subject) {
		want := cache.StateDisabled
		if s.redis != nil {
			want = cache.StateConnected
		}
		if got := s.State(s.Context()); got != want {
			s.Errorf("got %s, want %s", got, want)
		}
	})
}

func TestNew(t *testing.T) {
	t.Parallel()
	log := slog.New(slog.DiscardHandler)
	reg := prometheus.NewRegistry()
	none, err := cache.New(cache.Config{URL: "redis://127.0.0.1:1"}, 0, log, reg)
	if err != nil {
		t.Fatal(err)
	}
	s := &subject{TB: t, Cache: none}
	s.closed()
	s.Add(t.Context(), []cache.Entry{{Key: key("A"), Holder: *holder(1)}})
	s.Forget(t.Context(), []cache.Key{key("A")})
	s.known("without a TTL", []cache.Key{key("A"), key("B")}, nil, nil)
	if got := s.State(t.Context()); got != cache.StateDisabled {
		t.Errorf("without a TTL: %s", got)
	}
	if _, err := cache.New(cache.Config{URL: "http://localhost"}, time.Hour, log, reg); err == nil {
		t.Error("http:// is taken for a Redis URL")
	}
	redis := startRedis(t, "secret")
	remote, err := cache.New(cache.Config{URL: "redis://" + redis.Address + "/0", DB: 2, Password: "secret"}, time.Hour, log, reg)
	if err != nil {
		t.Fatal(err)
	}
	s = &subject{TB: t, Cache: remote}
	s.closed()
	eventually(t, "connected", func() bool { return s.State(t.Context()) == cache.StateConnected })
}
