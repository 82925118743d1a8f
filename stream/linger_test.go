package stream_test

import (
	"testing"
	"time"

	"github.com/machshop/seriald/stream"
)

// play notes batches of n that come every interval, for a second.
func play(l *stream.Linger, now time.Time, n int, interval time.Duration) time.Time {
	for end := now.Add(time.Second); now.Before(end); now = now.Add(interval) {
		l.Note(n, now)
	}
	return now
}

func TestLingerOnlyUnderLoad(t *testing.T) {
	t.Parallel()
	var l stream.Linger
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	if got := l.For(1); got != 0 {
		t.Errorf("at first a batch waits %s", got)
	}
	now = play(&l, now, 1, time.Millisecond)
	if got := l.For(1); got != 0 {
		t.Errorf("at 1000/s a batch waits %s", got)
	}
	// The same rate in bursts: two batches in quick succession, then a pause.
	for range 100 {
		l.Note(10, now)
		l.Note(10, now.Add(10*time.Microsecond))
		now = now.Add(20 * time.Millisecond)
	}
	if got := l.For(1); got != 0 {
		t.Errorf("at 1000/s in bursts a batch waits %s", got)
	}
	now = play(&l, now, 50, 10*time.Millisecond)
	if got := l.For(1); got == 0 {
		t.Error("at 5000/s a batch does not wait")
	}
	if got := l.For(1000); got != 0 {
		t.Errorf("a batch that is big enough waits %s", got)
	}
	play(&l, now, 1, 100*time.Millisecond)
	if got := l.For(1); got != 0 {
		t.Errorf("after the load a batch waits %s", got)
	}
}
