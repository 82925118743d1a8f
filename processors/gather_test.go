package processors

import (
	"context"
	"testing"
)

// Which events a stopping reader still takes is left to chance; that there is
// none behind one it turned away is not.
func TestNothingOvertakesWhatWasTurnedAway(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 100 { // a race: often enough that chance can't pass
		arrivals := newIntake(ctx)
		const n = 10
		for sequence := range uint64(n) {
			arrivals.take(taken{msg: message{}, sequence: sequence})
		}
		for want := range uint64(len(arrivals.items)) {
			if got := (<-arrivals.items).taken.sequence; got != want {
				t.Fatalf("event %d was taken, and %d turned away before it", got, want)
			}
		}
	}
}
