package cache

import (
	"testing"
	"time"
)

func TestBreaker(t *testing.T) {
	t.Parallel()
	// A step waits, has a call end so if it is let through, and says what follows.
	type step struct {
		wait    time.Duration
		end     outcome
		allowed bool
		after   breakerState
	}
	times := func(n int, s step) []step {
		var steps []step
		for range n {
			steps = append(steps, s)
		}
		return steps
	}
	then := func(all ...[]step) (steps []step) {
		for _, s := range all {
			steps = append(steps, s...)
		}
		return steps
	}
	opened := then(times(4, step{0, failed, true, closed}), []step{{0, failed, true, open}})
	for name, steps := range map[string][]step{
		"answers":                      times(10, step{0, answered, true, closed}),
		"four failures":                then(times(4, step{0, failed, true, closed}), []step{{0, answered, true, closed}}, times(4, step{0, failed, true, closed})),
		"callers that go away":         times(10, step{0, abandoned, true, closed}),
		"they interrupt no failures":   then(times(4, step{0, failed, true, closed}), []step{{0, abandoned, true, closed}, {0, failed, true, open}}),
		"nothing goes until the pause": then(opened, []step{{firstPause - 1, answered, false, open}, {1, answered, true, closed}}),
		"closed for good":              then(opened, []step{{firstPause, answered, true, closed}}, opened),
		"the pause doubles": then(opened, []step{
			{firstPause, failed, true, open},
			{2*firstPause - 1, failed, false, open},
			{1, failed, true, open},
			{4*firstPause - 1, failed, false, open},
			{1, failed, true, open},
		}),
		"up to the longest": then(opened, times(10, step{longestPause, failed, true, open}), []step{
			{longestPause - 1, failed, false, open},
			{1, answered, true, closed},
		}),
		"and begins anew": then(opened, times(10, step{longestPause, failed, true, open}), []step{{longestPause, answered, true, closed}},
			opened, []step{{firstPause, answered, true, closed}}),
		"a try that is given up is made by the next": then(opened, []step{
			{firstPause, abandoned, true, open},
			{0, abandoned, true, open},
			{0, answered, true, closed},
		}),
	} {
		var b breaker
		now := time.Unix(0, 0)
		for i, s := range steps {
			now = now.Add(s.wait)
			turn, ok := b.allow(now)
			if ok {
				b.report(turn, s.end, now)
			}
			if ok != s.allowed || b.state != s.after {
				t.Errorf("%s: step %d: allowed %t, then state %d; want %t, %d", name, i, ok, b.state, s.allowed, s.after)
				break
			}
		}
	}
}

// One call tries a Redis that was away, and calls from before don't speak for it.
func TestBreakerCallsAtOnce(t *testing.T) {
	t.Parallel()
	var b breaker
	now := time.Unix(0, 0)
	var turns []uint64
	for range maxFailures + 2 {
		turn, ok := b.allow(now)
		if !ok {
			t.Fatal("closed, it lets nothing through")
		}
		turns = append(turns, turn)
	}
	for _, turn := range turns[:maxFailures] {
		b.report(turn, failed, now)
	}
	now = now.Add(firstPause)
	try, ok := b.allow(now)
	if !ok || b.state != halfOpen {
		t.Fatalf("after the pause: allowed %t, state %d", ok, b.state)
	}
	for range 3 {
		if _, ok := b.allow(now); ok {
			t.Error("a second call tries it")
		}
	}
	b.report(turns[maxFailures], answered, now)
	b.report(turns[maxFailures+1], failed, now)
	if b.state != halfOpen {
		t.Errorf("calls from before have it in state %d", b.state)
	}
	b.report(try, answered, now)
	b.report(try, failed, now)
	if b.state != closed || b.failures != 0 {
		t.Errorf("answered, it is in state %d with %d failures", b.state, b.failures)
	}
}
