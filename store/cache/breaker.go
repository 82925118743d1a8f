package cache

import "time"

const (
	// maxFailures in a row mean that Redis is away and not only late once.
	maxFailures = 5
	// A try costs whoever makes it up to operationTimeout, so there are few; but
	// the longest pause is what we go without Redis after it has come back.
	firstPause, longestPause = 250 * time.Millisecond, time.Second
)

// breakerState is a state of a breaker; its number is the metric's value.
type breakerState int

const (
	closed   breakerState = iota // calls go through
	halfOpen                     // one call is trying it
	open                         // no call goes through until the pause is over
)

// outcome is what became of a call that a breaker let through.
type outcome int

const (
	answered  outcome = iota
	failed            // Redis did not answer, or not in time, or not to us
	abandoned         // the caller went away: it says nothing about Redis
)

// breaker keeps calls from a Redis that does not answer. It is pure: the time is
// handed in. It must be guarded by its owner.
type breaker struct {
	state    breakerState
	failures int           // in a row, while closed
	pause    time.Duration // the last one; 0: none since it was closed
	until    time.Time     // when a pause is over
	turn     uint64        // how often the state has changed
}

// allow reports whether a call may go through. Who was allowed must report what
// became of it, with turn.
func (b *breaker) allow(now time.Time) (turn uint64, ok bool) {
	if b.state == open && !now.Before(b.until) {
		b.change(halfOpen)
		return b.turn, true
	}
	return b.turn, b.state == closed
}

// report takes what became of a call. A call that was let through in an earlier
// state than this one has nothing to say any more.
func (b *breaker) report(turn uint64, o outcome, now time.Time) {
	switch {
	case turn != b.turn:
	case o == answered:
		b.failures = 0
		if b.state == halfOpen {
			b.pause = 0
			b.change(closed)
		}
	case o == abandoned:
		if b.state == halfOpen {
			b.until = now // the next call tries it in its place
			b.change(open)
		}
	default:
		if b.failures++; b.state == closed && b.failures < maxFailures {
			return
		}
		b.failures = 0
		b.pause = min(max(2*b.pause, firstPause), longestPause)
		b.until = now.Add(b.pause)
		b.change(open)
	}
}

func (b *breaker) change(to breakerState) {
	b.state = to
	b.turn++
}
