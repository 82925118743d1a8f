package cache

import (
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

func TestLocalTTL(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, err := newLocal(time.Hour, prometheus.NewRegistry())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = l.Close() }()
		keys := []Key{{Canonical: "A"}}
		known := func(want bool) {
			t.Helper()
			if got := l.Taken(t.Context(), keys)[0] != nil; got != want {
				t.Errorf("known %t, want %t", got, want)
			}
		}
		passes := func(d time.Duration) {
			timer := time.NewTimer(d) // of the bubble: nobody waits for it
			<-timer.C
		}
		l.Add(t.Context(), []Entry{{Key: keys[0]}})
		passes(time.Hour - 1)
		known(true) // which does not prolong it
		passes(1)
		known(false)
		l.Add(t.Context(), []Entry{{Key: keys[0]}})
		passes(time.Hour - 1)
		l.Add(t.Context(), []Entry{{Key: keys[0]}})
		passes(time.Hour - 1)
		known(true)
		passes(1)
		known(false)
	})
}

// However long what is claimed, the memory is bounded.
func TestLocalIsBounded(t *testing.T) {
	t.Parallel()
	l, err := newLocal(time.Hour, prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	const n = 1000
	long := strings.Repeat("x", 2*localBytes/n)
	for i := range n {
		// One string for all, so that this test needs no memory.
		l.Add(t.Context(), []Entry{{Key{Canonical: strconv.Itoa(i)}, Holder{Number: long}}})
	}
	l.entries.CleanUp()
	if got := l.entries.WeightedSize(); got > localBytes {
		t.Errorf("it holds %d bytes, more than %d", got, localBytes)
	}
	if got := l.entries.EstimatedSize(); got == 0 || got > n/2 {
		t.Errorf("it holds %d entries of %d", got, n)
	}
}
