package cache_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/machshop/seriald/proctest"
	"github.com/machshop/seriald/store/cache"
)

// rateCounter returns a counter in a Redis of its own.
func rateCounter(t *testing.T, timeout time.Duration, now func() time.Time) (c *cache.RateCounter, server *proctest.Program, log *proctest.Buffer) {
	t.Helper()
	server, log = startRedis(t, ""), &proctest.Buffer{}
	c, err := cache.NewRedisRateCounter(cache.Config{URL: "redis://" + server.Address, DB: -1}, slog.New(slog.NewTextHandler(log, nil)), timeout, now)
	must(t, err)
	t.Cleanup(func() { must(t, c.Close()) })
	return c, server, log
}

func TestRateCounter(t *testing.T) {
	t.Parallel()
	c, server, _ := rateCounter(t, patient, time.Now)
	raw := redis.NewClient(&redis.Options{Addr: server.Address})
	defer raw.Close()
	count := func(key string, window time.Duration, want int64) {
		t.Helper()
		n, left, err := c.Count(t.Context(), key, window)
		must(t, err)
		if n != want || left <= 0 || left > window {
			t.Errorf("%s: %d for %s, want %d for at most %s", key, n, left, want, window)
		}
	}
	count("a", time.Minute, 1)
	count("a", time.Minute, 2)
	count("b", time.Minute, 1)
	count("a", time.Minute, 3)
	// The window ends by itself.
	const name = "machshop:rate:a"
	must(t, raw.PExpire(t.Context(), name, time.Millisecond).Err())
	eventually(t, "the window ends", func() bool { return raw.Exists(t.Context(), name).Val() == 0 })
	count("a", time.Minute, 1)
	// One without an end, as nobody of us leaves it, does not limit for ever.
	must(t, raw.Persist(t.Context(), name).Err())
	count("a", time.Minute, 2)
	if ttl := raw.PTTL(t.Context(), name).Val(); ttl <= 0 || ttl > time.Minute {
		t.Errorf("it ends in %s", ttl)
	}
	// A Redis that was restarted has neither counts nor the script.
	must(t, raw.FlushAll(t.Context()).Err())
	must(t, raw.ScriptFlush(t.Context()).Err())
	count("a", time.Minute, 1)
}

func TestRateCounterWithoutRedis(t *testing.T) {
	t.Parallel()
	clock := newClock()
	c, server, log := rateCounter(t, patient, clock.now)
	count := func() error {
		_, _, err := c.Count(context.Background(), "a", time.Minute)
		return err
	}
	must(t, count())
	server.Kill()
	failures := 0
	eventually(t, "the breaker opens", func() bool {
		err := count()
		if err == nil {
			t.Fatal("it counts without Redis")
		}
		failures++
		return errors.Is(err, cache.ErrAway)
	})
	if failures != 6 {
		t.Errorf("it was left alone after %d failures, want 5", failures-1)
	}
	server.Restart()
	if err := count(); !errors.Is(err, cache.ErrAway) {
		t.Errorf("in the pause: %v", err)
	}
	eventually(t, "Redis is used again", func() bool {
		clock.pass()
		return count() == nil
	})
	for _, want := range []string{"each process counts requests for itself", "redis counts requests again"} {
		if got := strings.Count(log.String(), want); got != 1 {
			t.Errorf("%q is logged %d times, want once:\n%s", want, got, log)
		}
	}
}

// TestRateCounterIsBounded holds that a Redis which hangs costs a request a bounded time.
func TestRateCounterIsBounded(t *testing.T) {
	t.Parallel()
	clock := newClock()
	c, server, _ := rateCounter(t, cache.OperationTimeout, clock.now)
	server.Signal(syscall.SIGSTOP)
	defer server.Signal(syscall.SIGCONT)
	start, calls := time.Now(), 0
	for ; ; calls++ {
		_, _, err := c.Count(t.Context(), "a", time.Minute)
		if err == nil {
			t.Fatal("a stopped Redis counts")
		}
		if errors.Is(err, cache.ErrAway) {
			break
		}
	}
	// Far more than the bound, far less than without one.
	if took, most := time.Since(start), time.Duration(calls)*20*cache.OperationTimeout; calls != 5 || took > most {
		t.Errorf("%d calls took %v, more than %v", calls, took, most)
	}
}

// TestRateCounterIsRefused holds that a Redis which is well and does not do this is no
// reason to leave it alone, and is logged once.
func TestRateCounterIsRefused(t *testing.T) {
	t.Parallel()
	c, server, log := rateCounter(t, patient, time.Now)
	raw := redis.NewClient(&redis.Options{Addr: server.Address})
	defer raw.Close()
	must(t, raw.Do(t.Context(), "ACL", "SETUSER", "default", "-@scripting").Err())
	for range 20 {
		if _, _, err := c.Count(t.Context(), "a", time.Minute); err == nil || errors.Is(err, cache.ErrAway) {
			t.Fatalf("refused: %v", err)
		}
	}
	if got := strings.Count(log.String(), "redis refuses"); got != 1 {
		t.Errorf("it is logged %d times:\n%s", got, log)
	}
}
