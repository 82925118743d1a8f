package stream

import "time"

// Linger says whether a batch should wait a moment for more: only while so many
// messages arrive that it is the cost of a batch that limits the rate. At lower
// rates nothing waits. The zero value is ready to use.
type Linger struct {
	perSecond float64
	count     int
	since     time.Time
}

const (
	// busyRate is the rate from which batches wait, in messages per second.
	busyRate = 2500
	// window is the time over which the rate is taken.
	window = 100 * time.Millisecond
	// lingerFor bounds the wait; enough messages end it.
	lingerFor = 20 * time.Millisecond
	enough    = 400
)

// Note tells that a batch of n messages was taken at now.
func (l *Linger) Note(n int, now time.Time) {
	l.count += n
	if elapsed := now.Sub(l.since); elapsed >= window {
		l.perSecond = float64(l.count) / elapsed.Seconds()
		l.count, l.since = 0, now
	}
}

// For returns how long a batch that has n messages should wait for more; 0 if it
// should go at once.
func (l *Linger) For(n int) time.Duration {
	if l.perSecond < busyRate || n >= enough {
		return 0
	}
	return lingerFor
}
