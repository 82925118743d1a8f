package edge_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/machshop/seriald/api/edge"
	"github.com/machshop/seriald/proctest"
	"github.com/machshop/seriald/store/cache"
)

// limited returns a handler with a rate limit, whose subject is the X-User header.
func limited(limit int, counter edge.Counter) http.Handler {
	return edge.RequestContext(nil)(edge.SecurityHeaders(edge.RateLimit(limit, counter, func(r *http.Request) string {
		return r.Header.Get("X-User")
	})(text("ok"))))
}

// from has h answer a request of a user (or "") at an address.
func from(h http.Handler, path, user, address string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", path, nil)
	r.RemoteAddr = address
	r.Header.Set("X-User", user)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestRateLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := limited(2, nil)
		for i, step := range []struct {
			wait             time.Duration
			status           int
			remaining, reset string
		}{
			{0, 200, "1", "60"},
			{10 * time.Second, 200, "0", "50"},
			{500 * time.Millisecond, 429, "0", "50"},
			{49*time.Second + 499*time.Millisecond, 429, "0", "1"},
			{time.Millisecond, 200, "1", "60"}, // a minute after the first one
			{time.Hour, 200, "1", "60"},
		} {
			time.Sleep(step.wait) //nolint:forbidigo // the bubble's clock
			w := from(h, "/a", "", "192.0.2.1:1")
			got := w.Header()
			if w.Code != step.status || got.Get("X-RateLimit-Limit") != "2" || got.Get("X-RateLimit-Remaining") != step.remaining || got.Get("X-RateLimit-Reset") != step.reset {
				t.Errorf("step %d: %d %v, want %+v", i, w.Code, got, step)
			}
			if w.Code == 429 {
				isProblem(t, got, w.Code, w.Body.Bytes(), 429, "RATE_LIMITED")
				if got.Get("Retry-After") != step.reset {
					t.Errorf("step %d: retry after %s", i, got.Get("Retry-After"))
				}
			} else if got.Get("Retry-After") != "" {
				t.Errorf("step %d: retry after %s", i, got.Get("Retry-After"))
			}
		}
	})
}

func TestWhoIsLimited(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("u", 1000)
	for name, tt := range map[string]struct {
		first, second [2]string // user and address
		together      bool
	}{
		"an address":                      {[2]string{"", "192.0.2.1:1"}, [2]string{"", "192.0.2.1:2"}, true},
		"two addresses":                   {[2]string{"", "192.0.2.1:1"}, [2]string{"", "192.0.2.2:1"}, false},
		"a network of IPv6":               {[2]string{"", "[2001:db8::1]:1"}, [2]string{"", "[2001:db8::ffff:1]:1"}, true},
		"two networks of IPv6":            {[2]string{"", "[2001:db8::1]:1"}, [2]string{"", "[2001:db8:0:1::1]:1"}, false},
		"IPv4 in IPv6":                    {[2]string{"", "192.0.2.1:1"}, [2]string{"", "[::ffff:192.0.2.1]:1"}, true},
		"a user at two addresses":         {[2]string{"mira", "192.0.2.1:1"}, [2]string{"mira", "192.0.2.2:1"}, true},
		"two users at an address":         {[2]string{"mira", "192.0.2.1:1"}, [2]string{"tom", "192.0.2.1:1"}, false},
		"a user and nobody":               {[2]string{"mira", "192.0.2.1:1"}, [2]string{"", "192.0.2.1:1"}, false},
		"a user called like an address":   {[2]string{"192.0.2.1", "192.0.2.9:1"}, [2]string{"", "192.0.2.1:1"}, false},
		"a user called like a key":        {[2]string{"ip:192.0.2.1", "192.0.2.9:1"}, [2]string{"", "192.0.2.1:1"}, false},
		"a long name":                     {[2]string{long, "192.0.2.1:1"}, [2]string{long, "192.0.2.2:1"}, true},
		"two long names":                  {[2]string{long, "192.0.2.1:1"}, [2]string{long + "u", "192.0.2.1:1"}, false},
		"peers that are not an address":   {[2]string{"", "@"}, [2]string{"", ""}, true},
		"an address and one that is none": {[2]string{"", "192.0.2.1:1"}, [2]string{"", "@"}, false},
	} {
		h := limited(1, nil)
		from(h, "/a", tt.first[0], tt.first[1])
		if got := from(h, "/a", tt.second[0], tt.second[1]).Code == 429; got != tt.together {
			t.Errorf("%s: limited together: %v", name, got)
		}
	}
}

func TestUnlimited(t *testing.T) {
	t.Parallel()
	for path, free := range map[string]bool{
		"/health": true, "/health/live": true, "/metrics": true,
		"/healthy": false, "/api/v1/health/db": false, "/metrics/x": false, "/": false,
	} {
		h := limited(1, nil)
		from(h, path, "", "192.0.2.1:1")
		w := from(h, path, "", "192.0.2.1:1")
		if got := w.Code == 200; got != free || (w.Header().Get("X-RateLimit-Limit") == "") != free {
			t.Errorf("%s: %d %v", path, w.Code, w.Header())
		}
	}
	off := limited(0, nil)
	for range 10 {
		if w := from(off, "/a", "", "192.0.2.1:1"); w.Code != 200 || w.Header().Get("X-RateLimit-Limit") != "" {
			t.Errorf("a limit of 0 limits: %d %v", w.Code, w.Header())
		}
	}
}

// flaky is a counter that can be away.
type flaky struct {
	away  bool
	calls int
}

func (f *flaky) Count(context.Context, string, time.Duration) (int64, time.Duration, error) {
	if f.away {
		return 0, 0, errors.New("away")
	}
	f.calls++
	return int64(f.calls), time.Second, nil
}

func TestCounterIsAway(t *testing.T) {
	t.Parallel()
	f := &flaky{away: true}
	h := limited(2, f)
	for i, want := range []int{200, 200, 429} {
		if got := from(h, "/a", "", "192.0.2.1:1").Code; got != want {
			t.Errorf("request %d: %d, want %d", i, got, want)
		}
	}
	f.away = false
	if w := from(h, "/a", "", "192.0.2.1:1"); w.Code != 200 || w.Header().Get("X-RateLimit-Reset") != "1" {
		t.Errorf("it is back: %d %v", w.Code, w.Header())
	}
}

// TestReplicasShareRedis has two instances limit one client together, and each for
// itself while Redis is away.
func TestReplicasShareRedis(t *testing.T) {
	t.Parallel()
	port := proctest.FreePort(t)
	redis := proctest.Start(t, port, exec.Command(proctest.Binary(t, "redis-server"),
		"--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--save", "", "--dir", t.TempDir()))
	const limit = 50
	var replicas []http.Handler
	var counters []*cache.RateCounter
	for range 2 {
		counter, err := cache.NewRateCounter(cache.Config{URL: "redis://" + redis.Address, DB: -1}, discard())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = counter.Close() })
		// Each call is bounded tightly; one that fails on a loaded machine is asked again.
		replicas, counters = append(replicas, limited(limit, patient{counter})), append(counters, counter)
	}
	run := func(user string, wrap func(int) http.Handler) int64 {
		var passed atomic.Int64
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				for range limit / 2 {
					if from(wrap(i%2), "/a", user, fmt.Sprintf("192.0.2.%d:1", i)).Code == 200 {
						passed.Add(1)
					}
				}
			})
		}
		all.Wait()
		return passed.Load()
	}
	together := func(i int) http.Handler { return replicas[i] }
	// One whose answer was lost has been counted all the same.
	if got := run("mira", together); got > limit || got < limit*8/10 {
		t.Errorf("%d requests passed, want %d", got, limit)
	}
	if got := run("tom", together); got > limit || got < limit*8/10 {
		t.Errorf("%d requests of another passed, want %d", got, limit)
	}
	redis.Kill()
	alone := []http.Handler{limited(limit, counters[0]), limited(limit, counters[1])}
	if got := run("mira", func(i int) http.Handler { return alone[i] }); got != 2*limit {
		t.Errorf("%d requests passed without Redis, want %d in each replica", got, limit)
	}
}

// patient asks again what failed.
type patient struct{ edge.Counter }

func (p patient) Count(ctx context.Context, key string, window time.Duration) (n int64, left time.Duration, err error) {
	for deadline := time.Now().Add(time.Minute); ; {
		if n, left, err = p.Counter.Count(ctx, key, window); err == nil || time.Now().After(deadline) {
			return n, left, err
		}
	}
}
