package api

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// However many ask how the service is, and whoever goes away, the database is asked four
// times a second.
func TestHealthDoesNotLoadTheDatabase(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := &masterDatabase{}
		p := newPings(d)
		want := func(what string, err error, pings int64) {
			t.Helper()
			if got := p.ping(t.Context()); !errors.Is(got, err) || d.pings.Load() != pings {
				t.Errorf("%s: %v after %d pings, want %v after %d", what, got, d.pings.Load(), err, pings)
			}
		}
		want("the first time", nil, 1)
		d.down.Store(true)
		want("at once", nil, 1)
		<-time.After(pingFresh)
		want("down", errDown, 2)
		d.down.Store(false)
		want("down, at once", errDown, 2)
		<-time.After(pingFresh)
		want("up again", nil, 3)

		<-time.After(pingFresh)
		d.takes.Store(int64(pingTimeout / 2))
		gone, leave := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { _ = p.ping(gone) })
		synctest.Wait()
		leave()
		for range 50 {
			wg.Go(func() {
				if err := p.ping(t.Context()); err != nil {
					t.Errorf("who waited for the answer to one that went away: %v", err)
				}
			})
		}
		wg.Wait()
		if n := d.pings.Load(); n != 4 {
			t.Errorf("%d pings, want 4", n)
		}

		<-time.After(pingFresh)
		d.takes.Store(int64(time.Hour))
		begun := time.Now()
		want("it hangs", context.DeadlineExceeded, 5)
		if took := time.Since(begun); took != pingTimeout {
			t.Errorf("it hangs: told after %s", took)
		}
	})
}
