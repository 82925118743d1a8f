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
	seed maphash.Seed
	ids  generations[uint64, struct{}]
}

func newRecentIDs(window time.Duration) *recentIDs {
	return &recentIDs{seed: maphash.MakeSeed(), ids: generations[uint64, struct{}]{period: window}}
}

// seen reports whether id was noted before, and notes it.
func (r *recentIDs) seen(id seriald.EventID, now time.Time) bool {
	r.ids.age(now)
	h := maphash.String(r.seed, string(id))
	_, ok := r.ids.get(h)
	r.ids.put(h, struct{}{})
	return ok
}
