package cache

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestDoubts(t *testing.T) {
	t.Parallel()
	start := time.Unix(1000, 0)
	d := &doubts{most: 3, keys: map[string]uint64{}}
	among := func(what string, want map[string]bool, wantHorizon time.Time) {
		t.Helper()
		got, horizon := d.among([]string{"a", "b", "c", "d"})
		if diff := cmp.Diff(want, got); diff != "" || !horizon.Equal(wantHorizon) {
			t.Errorf("%s: horizon %v, want %v; in doubt -want +got\n%s", what, horizon, wantHorizon, diff)
		}
	}
	among("none", nil, time.Time{})
	d.add([]string{"a", "b"}, start)
	among("two", map[string]bool{"a": true, "b": true}, time.Time{})

	names, last := d.some(1)
	if len(names) != 1 {
		t.Errorf("got %q, want one", names)
	}
	d.add([]string{"a"}, start)
	d.settle([]string{"a", "b", "c"}, last)
	among("a newer doubt stays", map[string]bool{"a": true}, time.Time{})

	d.add([]string{"c", "d"}, start)
	if names, _ := d.some(10); len(names) != 3 {
		t.Errorf("got %q, want three", names)
	}
	d.add([]string{"b"}, start.Add(time.Second))
	among("too many", nil, start.Add(time.Second))
	if names, _ := d.some(10); names != nil {
		t.Errorf("%q are to be deleted, though all is in doubt", names)
	}
	d.add([]string{"b"}, start.Add(time.Second))
	among("and on", map[string]bool{"b": true}, start.Add(time.Second))
}
