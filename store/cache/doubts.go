package cache

import (
	"sync"
	"time"
)

// maxDoubts bounds the memory of a long outage: some 2 MiB.
const maxDoubts = 10_000

// doubts are the keys whose last write may not have happened, or may happen still:
// Redis could not be asked, or did not answer in time. What Redis holds for them is
// neither believed nor left there. Without them a Forget that a pause of Redis
// swallowed would have its key taken for a TTL.
type doubts struct {
	most int

	mu      sync.Mutex        // guards what follows
	keys    map[string]uint64 // by name: which doubt it was
	last    uint64            // the last doubt
	horizon time.Time         // what was added until then, by the clock of who added it, is in doubt
}

// add puts keys in doubt. Where they become too many to remember, all that was
// added until now is.
func (d *doubts) add(names []string, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.last++
	if len(d.keys)+len(names) > d.most {
		clear(d.keys)
		d.horizon = now
		return
	}
	for _, n := range names {
		d.keys[n] = d.last
	}
}

// among returns those of names that are in doubt, nil for none, and the horizon.
// It must be called before Redis is asked: a doubt may be settled meanwhile, by a
// deletion that came after our answer was read.
func (d *doubts) among(names []string) (doubtful map[string]bool, horizon time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.keys) == 0 {
		return nil, d.horizon
	}
	doubtful = make(map[string]bool)
	for _, n := range names {
		if _, ok := d.keys[n]; ok {
			doubtful[n] = true
		}
	}
	return doubtful, d.horizon
}

// some returns at most n keys in doubt, to be deleted, and the last doubt.
func (d *doubts) some(n int) (names []string, last uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for name := range d.keys {
		if len(names) == n {
			break
		}
		names = append(names, name)
	}
	return names, d.last
}

// settle ends the doubts about names up to last: Redis has confirmed a write that
// was sent after them. Newer ones stay.
func (d *doubts) settle(names []string, last uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.keys) == 0 {
		return
	}
	for _, n := range names {
		if at, ok := d.keys[n]; ok && at <= last {
			delete(d.keys, n)
		}
	}
}
