package ingest

import (
	"hash/maphash"
	"time"

	"github.com/machshop/seriald"
)

// recentIDs remembers, for one to two windows, which ids were published. A
// repeat has to reach the processors, to be answered, and so must not carry a
// message id that the stream would filter, or that would refuse a whole batch.
//
// It keeps hashes. An id that is taken for a repeat by chance, or forgotten, is
// published all the same: nothing depends on it but a short cut.
type recentIDs struct {
	window       time.Duration
	seed         maphash.Seed
	current, old map[uint64]struct{}
	since        time.Time
}

func newRecentIDs(window time.Duration) *recentIDs {
	return &recentIDs{window: window, seed: maphash.MakeSeed(), current: map[uint64]struct{}{}}
}

// seen reports whether id was noted before, and notes it.
func (r *recentIDs) seen(id seriald.EventID, now time.Time) bool {
	if now.Sub(r.since) > r.window {
		r.old, r.current, r.since = r.current, make(map[uint64]struct{}, len(r.current)), now
	}
	h := maphash.String(r.seed, string(id))
	if _, ok := r.current[h]; ok {
		return true
	}
	r.current[h] = struct{}{}
	_, ok := r.old[h]
	return ok
}
