package cache_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/machshop/seriald/store/cache"
)

// clock is moved by tests.
type clock struct{ ms atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.ms.Store(1_750_000_000_000)
	return c
}

func (c *clock) now() time.Time { return time.UnixMilli(c.ms.Load()) }

// pass lets a breaker try Redis again.
func (c *clock) pass() { c.ms.Add(time.Minute.Milliseconds()) }

// raw connects to Redis past the cache.
func (s *subject) raw() *redis.Client {
	client := redis.NewClient(&redis.Options{Addr: s.redis.Address})
	s.Cleanup(func() { _ = client.Close() })
	return client
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

const (
	breakerState = "seriald_cache_breaker_state"
	errorsTotal  = "seriald_cache_errors_total"
)

// opens has calls fail until they are not made any more.
func (s *subject) opens() {
	s.Helper()
	eventually(s, "the breaker opens", func() bool {
		s.known("without Redis", []cache.Key{key("A"), key("B")}, nil, nil)
		return s.metric(breakerState) == 2
	})
	if got := s.metric(errorsTotal); got != 5 {
		s.Errorf("it opened after %v failures, want 5", got)
	}
	// The clock stands, so no call is made however many are asked for.
	for range 1000 {
		s.known("the breaker is open", []cache.Key{key("A")}, nil)
		s.Add(s.Context(), []cache.Entry{{Key: key("X"), Holder: *holder(9)}})
		s.Forget(s.Context(), []cache.Key{key("X")})
	}
	if got := s.State(s.Context()); got != cache.StateDisconnected {
		s.Errorf("the state is %s", got)
	}
	if got := s.metric(errorsTotal); got != 5 {
		s.Errorf("%v calls were made by an open breaker", got-5)
	}
}

// recovers waits until Redis is used again, which the first call after a pause finds out.
func (s *subject) recovers(c *clock) {
	s.Helper()
	eventually(s, "Redis is used again", func() bool {
		c.pass()
		return s.State(s.Context()) == cache.StateConnected
	})
	if got := s.metric(breakerState); got != 0 {
		s.Errorf("the breaker is in state %v", got)
	}
	for what, text := range map[string]string{"away": "redis does not answer", "back": "redis answers again"} {
		if got := strings.Count(s.log.String(), text); got != 1 {
			s.Errorf("%s is logged %d times, want once:\n%s", what, got, s.log)
		}
	}
}

func TestRedisIsKilled(t *testing.T) {
	t.Parallel()
	c := newClock()
	s := overRedis(t, time.Hour, patient, c.now)
	s.Add(t.Context(), []cache.Entry{{Key: key("A"), Holder: *holder(1)}})
	s.known("before", []cache.Key{key("A")}, holder(1))
	s.redis.Kill()
	s.opens()
	s.redis.Restart()
	s.recovers(c)
	s.known("lost", []cache.Key{key("A")}, nil)
	s.Add(t.Context(), []cache.Entry{{Key: key("A"), Holder: *holder(2)}})
	s.known("after", []cache.Key{key("A")}, holder(2))
}

func TestRedisIsPaused(t *testing.T) {
	t.Parallel()
	c := newClock()
	// A pause has Redis keep what it has, so what was not told to it matters.
	s := overRedis(t, time.Hour, cache.OperationTimeout, c.now)
	r := s.raw()
	old, next := []cache.Key{key("forgotten"), key("changed"), key("kept")}, key("added")
	eventually(t, "all are known", func() bool {
		s.Add(t.Context(), []cache.Entry{{Key: old[0], Holder: *holder(1)}, {Key: old[1], Holder: *holder(1)}, {Key: old[2], Holder: *holder(1)}})
		got := s.Taken(t.Context(), old)
		c.pass()
		return got[0] != nil && got[1] != nil && got[2] != nil
	})
	failures := s.metric(errorsTotal)
	value, err := r.Get(t.Context(), cache.Name(old[0])).Result()
	must(t, err)

	s.redis.Signal(syscall.SIGSTOP)
	start := time.Now()
	s.Forget(t.Context(), old[:1])
	s.Add(t.Context(), []cache.Entry{{Key: old[1], Holder: *holder(2)}, {Key: next, Holder: *holder(2)}})
	s.Forget(t.Context(), []cache.Key{next})
	calls := 3
	for ; s.metric(breakerState) != 2 && calls < 100; calls++ {
		s.known("paused", old, nil, nil, nil)
	}
	// Far more than the bound, far less than without one.
	if took, most := time.Since(start), time.Duration(calls)*20*cache.OperationTimeout; took > most {
		t.Errorf("%d calls took %v, more than %v", calls, took, most)
	}
	before := s.metric(errorsTotal)
	if got := before - failures; got < 5 {
		t.Errorf("it opened after %v failures, want 5", got)
	}
	for range 1000 {
		s.known("paused, the breaker is open", old, nil, nil, nil)
	}
	s.Forget(t.Context(), old[:1])
	if got := s.metric(errorsTotal); got != before {
		t.Errorf("%v calls were made by an open breaker", got-before)
	}

	s.redis.Signal(syscall.SIGCONT)
	// Until the first answer on: what it had before is not told.
	eventually(t, "what is known is told again", func() bool {
		c.pass()
		got := s.Taken(t.Context(), append(old, next))
		if got[0] != nil || got[1] != nil || got[3] != nil {
			t.Fatalf("told after the pause: %v", got)
		}
		return got[2] != nil
	})
	eventually(t, "what is in doubt is deleted", func() bool {
		c.pass()
		s.State(t.Context())
		n, err := r.Exists(t.Context(), cache.Name(old[0]), cache.Name(old[1]), cache.Name(next)).Result()
		must(t, err)
		return n == 0
	})
	must(t, r.Set(t.Context(), cache.Name(old[0]), value, 0).Err())
	eventually(t, "what others add after that is told", func() bool {
		c.pass()
		return s.Taken(t.Context(), old[:1])[0] != nil
	})
}

// More keys than go in one deletion are in doubt, and then added anew.
func TestManyDoubts(t *testing.T) {
	t.Parallel()
	s := overRedis(t, time.Hour, patient, time.Now)
	var keys []cache.Key
	var entries []cache.Entry
	var want []*cache.Holder
	for i := range cache.MaxKeys * 3 / 2 {
		keys, want = append(keys, key(fmt.Sprint(i))), append(want, holder(byte(i)))
		entries = append(entries, cache.Entry{Key: keys[i], Holder: *want[i]})
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	s.Add(t.Context(), entries)
	s.Forget(gone, keys)
	s.known("in doubt", keys, make([]*cache.Holder, len(keys))...)
	s.Add(t.Context(), entries)
	s.Forget(gone, keys)
	s.Add(t.Context(), entries)
	s.known("added", keys, want...)
	s.known("and still", keys, want...)
}

// A caller that gives up says nothing about Redis.
func TestCallersThatGiveUp(t *testing.T) {
	t.Parallel()
	s := overRedis(t, time.Hour, patient, time.Now)
	s.Add(t.Context(), []cache.Entry{{Key: key("A"), Holder: *holder(1)}})
	s.redis.Signal(syscall.SIGSTOP)
	for range 10 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		if got := s.Taken(ctx, []cache.Key{key("A")})[0]; got != nil {
			t.Errorf("got %v", got)
		}
		s.Forget(ctx, []cache.Key{key("A")})
		cancel()
	}
	s.redis.Signal(syscall.SIGCONT)
	if state, failures := s.metric(breakerState), s.metric(errorsTotal); state != 0 || failures != 0 {
		t.Errorf("the breaker is in state %v, %v failures are counted", state, failures)
	}
	s.known("what was to be forgotten", []cache.Key{key("A")}, nil)
}

func TestRedisIsFlushed(t *testing.T) {
	t.Parallel()
	s := overRedis(t, time.Hour, patient, time.Now)
	s.Add(t.Context(), []cache.Entry{{Key: key("A"), Holder: *holder(1)}})
	must(t, s.raw().FlushAll(t.Context()).Err())
	s.known("flushed", []cache.Key{key("A")}, nil)
	s.Add(t.Context(), []cache.Entry{{Key: key("A"), Holder: *holder(2)}})
	s.known("after", []cache.Key{key("A")}, holder(2))
}

// A Redis that fills up with what others wrote under our names heals itself.
func TestValuesAreUnreadable(t *testing.T) {
	t.Parallel()
	s := overRedis(t, time.Hour, patient, time.Now)
	r := s.raw()
	keys := []cache.Key{key("A"), key("B"), key("C"), key("D")}
	must(t, r.Set(t.Context(), cache.Name(keys[0]), "garbage", 0).Err())
	must(t, r.Set(t.Context(), cache.Name(keys[1]), "2:of:a:later:release", 0).Err())
	must(t, r.RPush(t.Context(), cache.Name(keys[2]), "a list").Err())
	s.Add(t.Context(), []cache.Entry{{Key: keys[3], Holder: *holder(4)}})
	s.known("unreadable", keys, nil, nil, nil, holder(4))
	if got := s.metric(errorsTotal); got != 2 {
		t.Errorf("%v values are counted as unreadable, want 2", got)
	}
	s.Add(t.Context(), []cache.Entry{{Key: keys[1], Holder: *holder(2)}, {Key: keys[2], Holder: *holder(3)}})
	s.known("written over", keys, nil, holder(2), holder(3), holder(4))
	if n, err := r.Exists(t.Context(), cache.Name(keys[0])).Result(); err != nil || n != 0 {
		t.Errorf("what can't be read is still there: %d, %v", n, err)
	}
	if got := s.metric(breakerState); got != 0 {
		t.Errorf("the breaker is in state %v", got)
	}
}

// What Redis refuses is no reason not to ask it for other things.
func TestRedisIsFull(t *testing.T) {
	t.Parallel()
	s := overRedis(t, time.Hour, patient, time.Now)
	r := s.raw()
	s.Add(t.Context(), []cache.Entry{{Key: key("A"), Holder: *holder(1)}})
	must(t, r.ConfigSet(t.Context(), "maxmemory", "1").Err())
	for range 20 {
		s.Add(t.Context(), []cache.Entry{{Key: key("B"), Holder: *holder(2)}})
	}
	s.known("full", []cache.Key{key("A"), key("B")}, holder(1), nil)
	if state, failures := s.metric(breakerState), s.metric(errorsTotal); state != 0 || failures != 20 {
		t.Errorf("the breaker is in state %v, %v failures are counted", state, failures)
	}
	if got := strings.Count(s.log.String(), "\n"); got != 1 || !strings.Contains(s.log.String(), "redis refuses") {
		t.Errorf("it is logged %d times, want once:\n%s", got, s.log)
	}
	must(t, r.ConfigSet(t.Context(), "maxmemory", "0").Err())
	s.Add(t.Context(), []cache.Entry{{Key: key("B"), Holder: *holder(2)}})
	s.known("after", []cache.Key{key("A"), key("B")}, holder(1), holder(2))
}

// Redis forgets by itself, also when nobody asks.
func TestRedisTTL(t *testing.T) {
	t.Parallel()
	s := overRedis(t, time.Hour, patient, time.Now)
	s.Add(t.Context(), []cache.Entry{{Key: key("A"), Holder: *holder(1)}})
	got, err := s.raw().PTTL(t.Context(), cache.Name(key("A"))).Result()
	if err != nil || got <= time.Hour-time.Minute || got > time.Hour {
		t.Errorf("the TTL is %v, %v, want an hour", got, err)
	}
}

// Everybody uses it while Redis comes and goes: nothing is told that nobody added.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	s := overRedis(t, time.Hour, cache.OperationTimeout, time.Now)
	ctx, cancel := context.WithCancel(t.Context())
	var using sync.WaitGroup
	for worker := range byte(8) {
		using.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				keys := []cache.Key{key(fmt.Sprint(i % 50)), key("nobody's")}
				s.Add(ctx, []cache.Entry{{Key: keys[0], Holder: *holder(byte(i % 50))}})
				if got := s.Taken(ctx, keys); got[0] != nil && *got[0] != *holder(byte(i % 50)) || got[1] != nil {
					t.Errorf("got %v of %d", got, i%50)
				}
				if worker == 0 {
					s.Forget(ctx, keys)
				}
			}
		})
	}
	for range 2 {
		s.redis.Restart()
		s.redis.Signal(syscall.SIGSTOP)
		eventually(t, "the breaker opens", func() bool { return s.metric(breakerState) == 2 })
		s.redis.Signal(syscall.SIGCONT)
		hits := s.metric("seriald_cache_hits_total")
		eventually(t, "it is used again", func() bool { return s.metric("seriald_cache_hits_total") > hits })
	}
	cancel()
	using.Wait()
}
