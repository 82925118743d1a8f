package ingest

import (
	"fmt"
	"testing"
	"time"

	"github.com/machshop/seriald"
)

// step is an id that comes at a time, and whether it is known then.
type step struct {
	at    time.Duration
	id    seriald.EventID
	known bool
}

func TestRecentIDs(t *testing.T) {
	t.Parallel()
	const window = 10 * time.Second
	start := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	for name, steps := range map[string][]step{
		"each id for itself":        {{0, "a", false}, {0, "b", false}, {0, "a", true}, {1, "b", true}},
		"within the window":         {{0, "a", false}, {window, "a", true}},
		"in the window after":       {{0, "a", false}, {window + 1, "b", false}, {2 * window, "a", true}},
		"at most two windows":       {{0, "a", false}, {window + 1, "b", false}, {2*window + 2, "c", false}, {2*window + 2, "a", false}},
		"a repeat is remembered on": {{0, "a", false}, {window + 1, "a", true}, {2*window + 2, "b", false}, {2*window + 3, "a", true}},
		"a clock that goes back":    {{window, "a", false}, {0, "a", true}, {0, "b", false}, {1, "b", true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRecentIDs(window)
			for i, s := range steps {
				if got := r.seen(s.id, start.Add(s.at)); got != s.known {
					t.Fatalf("step %d, %s after %s: got %t, want %t", i+1, s.id, s.at, got, s.known)
				}
			}
		})
	}
}

func TestRecentIDsForget(t *testing.T) {
	t.Parallel()
	const window, perSecond = 10, 50
	r := newRecentIDs(window * time.Second)
	start := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	for second := range 10 * window {
		for n := range perSecond {
			if r.seen(seriald.EventID(fmt.Sprint(second, "-", n)), start.Add(time.Duration(second)*time.Second)) {
				t.Fatalf("%d-%d is taken for a repeat", second, n)
			}
		}
		if got, most := len(r.ids.current)+len(r.ids.old), 2*(window+1)*perSecond; got > most {
			t.Fatalf("after %d s: %d ids are kept, want at most %d", second, got, most)
		}
	}
}
