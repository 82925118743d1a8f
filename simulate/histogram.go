package simulate

import (
	"math/bits"
	"sync/atomic"
	"time"
)

const (
	// perOctave buckets between a power of two and the next make each at most 1.6 %
	// wide.
	perOctave = 64
	// longest is what the last bucket holds, about 71 minutes in microseconds.
	longest = 1<<32 - 1
	buckets = (33 - 6) * perOctave
)

// histogram counts latencies in microseconds, in buckets of about equal relative
// width. It has a fixed size, and is safe for concurrent use.
type histogram struct {
	counts [buckets]atomic.Int64
	max    atomic.Int64 // nanoseconds
}

func (h *histogram) add(d time.Duration) {
	h.counts[bucket(d)].Add(1)
	for {
		old := h.max.Load()
		if int64(d) <= old || h.max.CompareAndSwap(old, int64(d)) {
			return
		}
	}
}

// snapshot returns the counts so far.
func (h *histogram) snapshot() *distribution {
	d := &distribution{max: time.Duration(h.max.Load())}
	for i := range h.counts {
		d.counts[i] = h.counts[i].Load()
		d.total += d.counts[i]
	}
	return d
}

// distribution is a histogram at rest.
type distribution struct {
	counts [buckets]int64
	total  int64
	max    time.Duration
}

// since returns what came after earlier.
func (d *distribution) since(earlier *distribution) *distribution {
	later := *d
	for i, n := range earlier.counts {
		later.counts[i] -= n
	}
	later.total -= earlier.total
	return &later
}

// quantile returns the latency that the share q stays below, at most 1.6 % too
// high; 0 if there is none.
func (d *distribution) quantile(q float64) time.Duration {
	if d.total == 0 {
		return 0
	}
	rank := max(1, int64(q*float64(d.total)+0.5))
	for i, n := range d.counts {
		if rank -= n; rank <= 0 {
			return min(upperEnd(i), d.max)
		}
	}
	return d.max
}

func bucket(d time.Duration) int {
	v := uint64(min(max(d.Microseconds(), 0), longest))
	shift := max(0, bits.Len64(v)-7)
	return shift*perOctave + int(v>>shift)
}

// upperEnd is the end of bucket i.
func upperEnd(i int) time.Duration {
	shift := max(0, i/perOctave-1)
	return time.Duration(uint64(i-shift*perOctave+1)<<shift) * time.Microsecond
}
