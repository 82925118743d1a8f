package ingest

import (
	"hash/maphash"
	"time"

	"github.com/machshop/seriald"
)

// maxRecentScans bounds the memory of scans, to some ten megabytes: 30,000 reads
// per second for two windows of 2 s.
const maxRecentScans = 1 << 17

// debouncer tells double reads: the same code by the same device again within a
// window. The window runs from the last read, so that a code that is held before
// a reader counts once however long it is held, and counts again once nothing was
// read for the window. After an outage, when a device's backlog comes at once, it
// can't tell a double read from a repeat that was meant: who needs that publishes
// an event with an id.
//
// It works by the time of arrival and in memory only: after a restart, all that
// was not acknowledged comes again, doubles included. A caller that has a read
// come again in the same process, because it could not be stored, must forget it
// first, or it would be taken for its own double and be lost. So, for each message
// of a batch in the order of arrival: seen; what is no double is stored; and where
// that fails for good, before the session is cycled: forget each of the reads for
// which seen said false and which were not stored. Doubles need no forgetting.
//
// It is not safe for concurrent use.
type debouncer struct {
	seeds [2]maphash.Seed
	reads generations[scanKey, time.Duration] // the last read, since start
	start time.Time
}

// scanKey is a hash wide enough that a code is never taken for another's double,
// which would lose it.
type scanKey [2]uint64

func newDebouncer() *debouncer {
	return &debouncer{
		seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()},
		reads: generations[scanKey, time.Duration]{period: maxDebounce, most: maxRecentScans},
	}
}

// seen reports whether the device has read code within window before now, and
// notes the read. A window of 0 notes nothing.
func (d *debouncer) seen(o seriald.Origin, code string, window time.Duration, now time.Time) bool {
	if window <= 0 {
		return false
	}
	if d.start.IsZero() {
		d.start = now
	}
	d.reads.age(now)
	key, at := d.key(o, code), now.Sub(d.start)
	last, ok := d.reads.get(key)
	d.reads.put(key, at)
	return ok && at-last <= window
}

// forget takes back a read that seen has noted.
func (d *debouncer) forget(o seriald.Origin, code string) { d.reads.remove(d.key(o, code)) }

func (d *debouncer) key(o seriald.Origin, code string) scanKey {
	type read struct {
		origin seriald.Origin
		code   string
	}
	r := read{o, code}
	return scanKey{maphash.Comparable(d.seeds[0], r), maphash.Comparable(d.seeds[1], r)}
}
