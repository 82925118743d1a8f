package ingest

import (
	"fmt"
	"testing"
	"time"

	"github.com/machshop/seriald"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

func TestDebounce(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	type read struct {
		at     time.Duration
		device string
		code   string
		double bool
	}
	for name, reads := range map[string][]read{
		"again at once":              {{0, "a", "x", false}, {0, "a", "x", true}},
		"at the window's end":        {{0, "a", "x", false}, {2000 * ms, "a", "x", true}},
		"past the window":            {{0, "a", "x", false}, {2001 * ms, "a", "x", false}},
		"held before the reader":     {{0, "a", "x", false}, {1500 * ms, "a", "x", true}, {3000 * ms, "a", "x", true}, {4500 * ms, "a", "x", true}, {6501 * ms, "a", "x", false}},
		"another code between":       {{0, "a", "x", false}, {300 * ms, "a", "y", false}, {600 * ms, "a", "x", true}},
		"another device":             {{0, "a", "x", false}, {0, "b", "x", false}},
		"device and code run on":     {{0, "a", "bx", false}, {0, "ab", "x", false}},
		"after a long pause":         {{0, "a", "x", false}, {time.Hour, "a", "x", false}, {time.Hour + ms, "a", "x", true}},
		"across the generations":     {{0, "a", "x", false}, {59 * time.Second, "a", "y", false}, {61 * time.Second, "a", "y", true}, {62 * time.Second, "a", "y", true}},
		"more than a period in pace": {{0, "a", "x", false}, {61 * time.Second, "a", "x", false}, {62 * time.Second, "a", "x", true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDebouncer()
			for i, r := range reads {
				got := d.seen(seriald.Origin{Site: "s", Line: "l", Device: r.device}, r.code, 2*time.Second, noon.Add(r.at))
				if got != r.double {
					t.Fatalf("read %d, %s by %s after %s: a double: got %t, want %t", i+1, r.code, r.device, r.at, got, r.double)
				}
			}
		})
	}
}

func TestDebounceOff(t *testing.T) {
	t.Parallel()
	d := newDebouncer()
	for range 2 {
		if d.seen(testOrigin, "x", 0, noon) {
			t.Error("without a window, a read is taken for a double")
		}
	}
}

// A read that was not stored comes again on the session's next connection, and
// is no double of itself. One that was stored is.
func TestDebounceForget(t *testing.T) {
	t.Parallel()
	d := newDebouncer()
	const window = 2 * time.Second
	d.seen(testOrigin, "stored", window, noon)
	d.seen(testOrigin, "not stored", window, noon)
	if !d.seen(testOrigin, "not stored", window, noon) {
		t.Fatal("the second read is no double")
	}
	d.forget(testOrigin, "not stored")
	again := noon.Add(time.Second)
	if d.seen(testOrigin, "not stored", window, again) {
		t.Error("a read that was not stored is taken for its own double: it would be lost")
	}
	if !d.seen(testOrigin, "not stored", window, again) {
		t.Error("its double counts")
	}
	if !d.seen(testOrigin, "stored", window, again) {
		t.Error("a read that was stored counts again")
	}
	d.forget(testOrigin, "never read")
}

func TestDebounceMemory(t *testing.T) {
	t.Parallel()
	d := newDebouncer()
	for i := range 3 * maxRecentScans {
		if d.seen(testOrigin, fmt.Sprint(i), time.Minute, noon) {
			t.Fatalf("code %d is taken for a double", i)
		}
	}
	if got := len(d.reads.current) + len(d.reads.old); got > 2*maxRecentScans {
		t.Errorf("got %d reads in memory, want at most %d", got, 2*maxRecentScans)
	}
	if last := fmt.Sprint(3*maxRecentScans - 1); !d.seen(testOrigin, last, time.Minute, noon) {
		t.Error("the last read is forgotten")
	}
}

func TestRateLimit(t *testing.T) {
	t.Parallel()
	const rate, burst = 10, 5
	l := newRateLimiter(rate, burst)
	other := seriald.Origin{Site: "plant1", Line: "line1", Device: "reader2"}
	takes := func(o seriald.Origin, after time.Duration, want int) {
		t.Helper()
		got := 0
		for l.allow(o, noon.Add(after)) {
			if got++; got > 10*burst {
				break
			}
		}
		if got != want {
			t.Errorf("after %s: got %d of %s taken, want %d", after, got, o.Device, want)
		}
	}
	takes(testOrigin, 0, burst)
	takes(other, 0, burst)
	takes(testOrigin, 99*time.Millisecond, 0)
	takes(testOrigin, 100*time.Millisecond, 1)
	takes(testOrigin, 350*time.Millisecond, 2)
	takes(testOrigin, 340*time.Millisecond, 0) // a clock that goes back gives nothing
	takes(testOrigin, 400*time.Millisecond, 1) // 0.5 were left
	takes(testOrigin, time.Hour, burst)
	takes(other, time.Hour, burst)
	if got := l.limited(); got.Code != seriald.CodeRateLimited || got.Message == "" {
		t.Errorf("the refusal is %v", got)
	}
}

func TestRateLimitInTheLongRun(t *testing.T) {
	t.Parallel()
	l := newRateLimiter(2.5, 3)
	got := 0
	const seconds = 1000
	for i := range 10 * seconds {
		if l.allow(testOrigin, noon.Add(time.Duration(i)*100*time.Millisecond)) {
			got++
		}
	}
	if want := 2.5*seconds + 3; float64(got) < want-4 || float64(got) > want {
		t.Errorf("got %d taken in %d s, want about %v", got, seconds, want)
	}
}

func TestRateLimitOff(t *testing.T) {
	t.Parallel()
	l := newRateLimiter(0, 0)
	for range 1000 {
		if !l.allow(testOrigin, noon) {
			t.Fatal("a message is refused without a limit")
		}
	}
}

func TestRateLimitMemory(t *testing.T) {
	t.Parallel()
	l := newRateLimiter(1, 10)
	for i := range 3 * maxLimitedDevices {
		l.allow(seriald.Origin{Site: "s", Line: "l", Device: fmt.Sprint(i)}, noon)
	}
	if got := len(l.buckets.current) + len(l.buckets.old); got > 2*maxLimitedDevices {
		t.Errorf("got %d devices in memory, want at most %d", got, 2*maxLimitedDevices)
	}
	l.allow(testOrigin, noon.Add(time.Hour))
	l.allow(testOrigin, noon.Add(2*time.Hour))
	if got := len(l.buckets.current) + len(l.buckets.old); got != 1 {
		t.Errorf("after hours, got %d devices in memory, want 1", got)
	}
}
