package edge

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestWindows compares with counting in lists of times, which nothing bounds.
func TestWindows(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		ws, now := newWindows(1000), time.Unix(0, 0)
		began, counts := map[string]time.Time{}, map[string]int64{}
		for range rapid.IntRange(1, 100).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 40).Draw(t, "seconds")) * time.Second)
			key := fmt.Sprint(rapid.IntRange(0, 5).Draw(t, "key"))
			if b, ok := began[key]; !ok || now.Sub(b) >= rateWindow {
				began[key], counts[key] = now, 0
			}
			counts[key]++
			n, left := ws.count(key, now)
			if want := began[key].Add(rateWindow).Sub(now); n != counts[key] || left != want {
				t.Fatalf("%s: %d for %s, want %d for %s", key, n, left, counts[key], want)
			}
		}
	})
}

// TestWindowsAreBounded holds that many clients cost no more memory than said, and that
// those seen last are still counted.
func TestWindowsAreBounded(t *testing.T) {
	ws, now := newWindows(maxWindows), time.Unix(0, 0)
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	for i := range 2 * maxWindows {
		ws.count(fmt.Sprintf("net:2001:db8:%x:%x::/64", i>>16, i&0xffff), now)
	}
	grown := heap() - before
	t.Logf("%d windows take %.1f MiB", len(ws.byKey), float64(grown)/(1<<20))
	if len(ws.byKey) != maxWindows || grown > 32<<20 {
		t.Errorf("%d windows take %d bytes", len(ws.byKey), grown)
	}
	last := 2*maxWindows - 1
	if n, _ := ws.count(fmt.Sprintf("net:2001:db8:%x:%x::/64", last>>16, last&0xffff), now); n != 2 {
		t.Errorf("the last one is at %d, want 2", n)
	}
	ws.count("after all", now.Add(time.Hour))
	if len(ws.byKey) != 1 {
		t.Errorf("%d windows are kept past their end", len(ws.byKey))
	}
}

func BenchmarkWindows(b *testing.B) {
	for name, clients := range map[string]int{"few": 10, "more than are kept": 2 * maxWindows} {
		b.Run(name, func(b *testing.B) {
			keys := make([]string, clients)
			for i := range keys {
				keys[i] = fmt.Sprintf("user:%d", i)
			}
			ws := newWindows(maxWindows)
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				ws.count(keys[i], time.Now())
				i = (i + 1) % clients
			}
		})
	}
}
