package stream

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// shelf is a leaseStore in memory, on the way to which calls take time and get lost.
type shelf struct {
	mu       sync.Mutex // guards value and revision
	value    []byte     // nil: nobody's
	revision uint64

	// way says how long a call is under way and how long its answer; false, if
	// there is none.
	way func() (there, back time.Duration, answered bool)
}

// call does what a call does when it has arrived, whether the caller still waits or not.
func (s *shelf) call(ctx context.Context, do func() error) error {
	var there, back time.Duration
	answered := true
	if s.way != nil {
		there, back, answered = s.way()
	}
	answer := make(chan error, 1)
	time.AfterFunc(there, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		err := do()
		if answered {
			time.AfterFunc(back, func() { answer <- err })
		}
	})
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *shelf) get(ctx context.Context, _ string) (value []byte, revision uint64, err error) {
	type entry struct {
		value    []byte
		revision uint64
	}
	read := make(chan entry, 1)
	err = s.call(ctx, func() error {
		e := entry{s.value, s.revision}
		if e.value == nil {
			e.revision = 0
		}
		read <- e
		return nil
	})
	if err != nil {
		return nil, 0, err
	}
	e := <-read
	return e.value, e.revision, nil
}

func (s *shelf) put(ctx context.Context, _ string, value []byte, replaces uint64) (revision uint64, err error) {
	stored := make(chan uint64, 1)
	err = s.call(ctx, func() error {
		if s.value == nil && replaces != 0 || s.value != nil && replaces != s.revision {
			return errRevision
		}
		s.revision++
		s.value = value
		stored <- s.revision
		return nil
	})
	if err != nil {
		return 0, err
	}
	return <-stored, nil
}

func (s *shelf) remove(ctx context.Context, _ string, replaces uint64) error {
	return s.call(ctx, func() error {
		if s.value == nil || replaces != s.revision {
			return errRevision
		}
		s.revision++
		s.value = nil
		return nil
	})
}

func (s *shelf) lease(identity string) *Lease {
	return newLease(s, "test", identity, slog.New(slog.DiscardHandler))
}

// untilDone is work that ends with its context.
func untilDone(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

// hold holds l with untilDone in the background; stop ends that in order.
func hold(t *testing.T, l *Lease) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- l.Hold(ctx, untilDone) }()
	return func() {
		t.Helper()
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Hold: %v", err)
		}
	}
}

// Whatever is slow, lost or done without an answer, there are never two, and
// when all is well again there is one.
func TestLeaseIsNeverHeldByTwo(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		synctest.Test(t, func(t *testing.T) { contend(t, seed) })
	}
}

func contend(t *testing.T, seed uint64) {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 0)) // used by one goroutine at a time, below
	var mu sync.Mutex
	draw := func(n int) int {
		mu.Lock()
		defer mu.Unlock()
		return random.IntN(n)
	}
	var calm atomic.Bool
	s := &shelf{way: func() (there, back time.Duration, answered bool) {
		if calm.Load() {
			return time.Millisecond, time.Millisecond, true
		}
		slow := func() time.Duration {
			if draw(4) > 0 {
				return time.Duration(draw(20)) * time.Millisecond
			}
			return time.Duration(draw(4000)) * time.Millisecond
		}
		return slow(), slow(), draw(8) > 0
	}}
	var holding, terms atomic.Int32
	work := func(ctx context.Context) {
		if n := holding.Add(1); n > 1 {
			t.Errorf("seed %d: %d hold the lease", seed, n)
		}
		terms.Add(1)
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(draw(30_000)) * time.Millisecond): // stops in order
		}
		holding.Add(-1)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			for ctx.Err() == nil {
				if err := s.lease("").Hold(ctx, func(ctx context.Context) error { work(ctx); return nil }); err != nil {
					t.Errorf("seed %d: %v", seed, err)
				}
			}
		})
	}
	<-time.After(3 * time.Minute)
	calm.Store(true)
	<-time.After(2 * leaseTakenAfter)
	before := terms.Load()
	<-time.After(time.Minute)
	if holding.Load() == 0 && terms.Load() == before {
		t.Errorf("seed %d: nobody gets the lease", seed)
	}
	cancel()
	all.Wait()
}

// As if the process had been stopped: no renewal gets anywhere, the calls don't
// even come back.
func TestLeaseEndsWhenRenewalsHang(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var hang atomic.Bool
		s := &shelf{way: func() (there, back time.Duration, answered bool) {
			if hang.Load() {
				return time.Hour, 0, true
			}
			return 0, 0, true
		}}
		l := s.lease("")
		ctx, cancel := context.WithCancel(t.Context())
		terms := 0
		err := l.Hold(ctx, func(held context.Context) error {
			if terms++; terms == 2 {
				cancel()
				return nil
			}
			<-time.After(10 * time.Second)
			if !l.Held() {
				t.Error("not held although it is renewed")
			}
			hang.Store(true)
			began := time.Now()
			<-held.Done()
			if took := time.Since(began); took > leaseLostAfter || took < leaseLostAfter-leaseRenewEvery {
				t.Errorf("ended %s after the renewals, want at most %s", took, leaseLostAfter)
			}
			if l.Held() {
				t.Error("still held")
			}
			hang.Store(false)
			return errors.New("of no interest: it ended because of the loss")
		})
		if err != nil {
			t.Errorf("Hold: %v", err)
		}
		if terms != 2 {
			t.Errorf("%d terms, want 2", terms)
		}
	})
}

func TestLeaseOutlivesALostAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		s := &shelf{}
		s.way = func() (there, back time.Duration, answered bool) {
			calls++
			return 0, 0, calls%4 != 0
		}
		ended := errors.New("done")
		err := s.lease("").Hold(t.Context(), func(held context.Context) error {
			select {
			case <-held.Done():
				return errors.New("lost")
			case <-time.After(time.Minute):
				return ended
			}
		})
		if !errors.Is(err, ended) {
			t.Errorf("Hold returned %v, want %v", err, ended)
		}
		if s.value != nil {
			t.Error("the lease was not released")
		}
	})
}

// What was accepted is settled after the context has ended: nobody else may
// begin before.
func TestLeaseIsKeptUntilTheWorkIsSettled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{}
		first, second := s.lease(""), s.lease("")
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			ended <- first.Hold(ctx, func(held context.Context) error {
				<-held.Done()
				<-time.After(20 * time.Second)
				return held.Err()
			})
		}()
		synctest.Wait()
		stop := hold(t, second)
		defer stop()
		<-time.After(time.Second)
		cancel()
		<-time.After(19 * time.Second)
		if !first.Held() || first.Standby() || second.Held() || !second.Standby() {
			t.Errorf("held %t and %t, standby %t and %t", first.Held(), second.Held(), first.Standby(), second.Standby())
		}
		if err := <-ended; err != nil {
			t.Errorf("Hold: %v", err)
		}
		<-time.After(leaseLookEvery)
		synctest.Wait()
		if !second.Held() || second.Standby() {
			t.Errorf("after the release: held %t, standby %t", second.Held(), second.Standby())
		}
	})
}

// A process that proves to be alone need not wait for its dead predecessor.
func TestLeaseOfADeadPredecessor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, tc := range []struct {
			name, left, mine string
			want             time.Duration
		}{
			{"same identity", "dir", "dir", 0},
			{"another identity", "dir", "other", leaseTakenAfter},
			{"no identity", "", "", leaseTakenAfter},
		} {
			s := &shelf{}
			if _, err := s.lease(tc.left).write(t.Context(), 0); err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			if err := s.lease(tc.mine).Hold(t.Context(), func(context.Context) error { return nil }); err != nil {
				t.Errorf("%s: %v", tc.name, err)
			}
			if got := time.Since(began); got < tc.want || got > tc.want+leaseLookEvery {
				t.Errorf("%s: taken over after %s, want %s", tc.name, got, tc.want)
			}
		}
	})
}
