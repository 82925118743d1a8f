package simulate

import (
	"strings"
	"sync"
	"time"

	"github.com/machshop/seriald"
)

// answer is what is read of an outcome.
type answer struct {
	EventID   string         `json:"eventId"`
	Status    seriald.Status `json:"status"`
	Code      seriald.Code   `json:"code"`
	Message   string         `json:"message"`
	Duplicate bool           `json:"duplicate"`
	Serials   []struct {
		SerialNumber string `json:"serialNumber"`
	} `json:"serials"`
}

// digest is a hash (FNV-1a) of what all answers to one event must have in
// common: the status and the serials. It is never 0.
func (a *answer) digest() uint32 {
	h := uint32(2166136261)
	add := func(s string) {
		for i := range len(s) {
			h = (h ^ uint32(s[i])) * 16777619
		}
		h *= 16777619 // so that "a","bc" and "ab","c" differ
	}
	add(string(a.Status))
	for _, s := range a.Serials {
		add(s.SerialNumber)
	}
	return max(h, 1)
}

// entry is what the ledger knows of one event.
type entry struct {
	sentAt         time.Duration // the first time
	digest         uint32        // of the first answer; 0 if there is none
	sent, answered uint8         // messages; both stop at 255
	recorded       bool
	doubled        bool
}

func (e *entry) waiting() int { return int(e.sent) - int(min(e.answered, e.sent)) }

// ledger keeps book of what one device sent and what was answered. Its size is
// bounded: it has all of the newest events, and of the older ones those that are
// not answered, which the device keeps few.
type ledger struct {
	limit, resume int           // where a device stops sending, and where it goes on
	freed         chan struct{} // a device that stopped may go on

	mu      sync.Mutex // guards what follows
	newest  []entry    // by number modulo len, a power of two
	older   map[uint32]*entry
	next    uint32
	stopped bool
	totals  totals
}

// totals is what is counted, of one device or of all.
type totals struct {
	sent, events, waiting                           int
	answered, accepted, rejected, conflict, ignored int // events, by the first answer
	duplicates, doubled, unexpected                 int
	lastSent, lastAnswer, lastReceived              time.Duration
	doubledID                                       string // one of them
	refusal                                         string // the first that was not accepted
}

func (t *totals) add(o *totals) {
	t.sent += o.sent
	t.events += o.events
	t.waiting += o.waiting
	t.answered += o.answered
	t.accepted += o.accepted
	t.rejected += o.rejected
	t.conflict += o.conflict
	t.ignored += o.ignored
	t.duplicates += o.duplicates
	t.doubled += o.doubled
	t.unexpected += o.unexpected
	t.lastSent = max(t.lastSent, o.lastSent)
	t.lastAnswer = max(t.lastAnswer, o.lastAnswer)
	t.lastReceived = max(t.lastReceived, o.lastReceived)
	if t.doubledID == "" {
		t.doubledID = o.doubledID
	}
	if t.refusal == "" {
		t.refusal = o.refusal
	}
}

// newLedger returns a ledger that remembers the newest events, a power of two.
func newLedger(newest, limit int) *ledger {
	return &ledger{
		// Going on only when a quarter is free makes bursts, which cost less.
		limit: limit, resume: min(limit-1, limit-limit/4), freed: make(chan struct{}, 1),
		newest: make([]entry, newest), older: map[uint32]*entry{},
	}
}

// reach is how many events back a repeat may go: its answer should find the
// event still there.
func (l *ledger) reach() uint32 { return uint32(len(l.newest) / 2) }

// room reports whether a message may be sent; if not, freed tells when.
func (l *ledger) room() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stopped = l.stopped && l.totals.waiting > l.resume || l.totals.waiting >= l.limit
	return !l.stopped
}

// begin notes a new event that is about to be sent, and returns its number.
func (l *ledger) begin(now time.Duration) uint32 {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.next
	l.next++
	place := &l.newest[int(n)&(len(l.newest)-1)]
	if place.waiting() > 0 {
		kept := *place
		l.older[n-uint32(len(l.newest))] = &kept
	}
	*place = entry{sentAt: now, sent: 1}
	l.totals.events++
	l.sent(now)
	return n
}

// again notes that event n is about to be sent once more; false means that it
// must not be.
func (l *ledger) again(n uint32, now time.Duration) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.find(n)
	if e == nil || e.sent == 255 {
		return false
	}
	// More answers than messages, as after a restart, must not pass for the
	// answer to this one.
	e.answered = min(e.answered, e.sent)
	e.sent++
	l.sent(now)
	return true
}

// sent counts a message; l.mu is held.
func (l *ledger) sent(now time.Duration) {
	l.totals.sent++
	l.totals.waiting++
	l.totals.lastSent = now
}

// find returns what is known of event n, nil if it was settled and forgotten;
// l.mu is held.
func (l *ledger) find(n uint32) *entry {
	if l.next-n <= uint32(len(l.newest)) {
		return &l.newest[int(n)&(len(l.newest)-1)]
	}
	return l.older[n]
}

// receipt is what came of noting an answer.
type receipt struct {
	first   bool
	latency time.Duration // of the first answer
	record  bool          // nobody was told yet that this event was stored
}

// note takes down an answer to event n, whose id is a.EventID.
func (l *ledger) note(n uint32, a *answer, now time.Duration) (r receipt) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.totals.lastReceived = now
	if n >= l.next {
		l.totals.unexpected++
		return r
	}
	if a.Duplicate {
		l.totals.duplicates++
	}
	e := l.find(n)
	if e == nil {
		return r // one more answer to an event that was settled long ago
	}
	if e.waiting() > 0 {
		l.totals.waiting--
		l.totals.lastAnswer = now
	}
	e.answered = min(e.answered, 254) + 1
	switch digest := a.digest(); {
	case e.digest == 0:
		e.digest = digest
		r = receipt{first: true, latency: now - e.sentAt, record: !e.recorded}
		e.recorded = true
		l.totals.count(a)
	case e.digest != digest && !e.doubled:
		e.doubled = true
		l.totals.doubled++
		l.totals.doubledID = a.EventID
	}
	if e.waiting() == 0 {
		delete(l.older, n)
	}
	if l.stopped && l.totals.waiting <= l.resume {
		l.stopped = false
		select {
		case l.freed <- struct{}{}:
		default:
		}
	}
	return r
}

// count takes an event's first answer into account.
func (t *totals) count(a *answer) {
	t.answered++
	switch a.Status {
	case seriald.StatusAccepted:
		t.accepted++
		return
	case seriald.StatusRejected:
		t.rejected++
	case seriald.StatusConflict:
		t.conflict++
	case seriald.StatusIgnored:
		t.ignored++
	default:
		t.unexpected++
	}
	if t.refusal == "" {
		t.refusal = strings.TrimSpace(a.EventID + " " + string(a.Status) + " " + string(a.Code) + " " + a.Message)
	}
}

// unreadable counts a message that is no answer to anything the device sent.
func (l *ledger) unreadable(now time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.totals.lastReceived = now
	l.totals.unexpected++
}

// record notes that event n is known to be stored; false means that this was
// known before.
func (l *ledger) record(n uint32) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.find(n)
	if e == nil || e.recorded {
		return false
	}
	e.recorded = true
	return true
}

// sum adds the ledger's totals to t.
func (l *ledger) sum(t *totals) {
	l.mu.Lock()
	defer l.mu.Unlock()
	t.add(&l.totals)
}

// lost calls yield with the events that were never answered until it returns
// false.
func (l *ledger) lost(yield func(n uint32) bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for n, e := range l.older {
		if e.answered == 0 && !yield(n) {
			return
		}
	}
	for n := l.next - min(l.next, uint32(len(l.newest))); n != l.next; n++ {
		if l.newest[int(n)&(len(l.newest)-1)].answered == 0 && !yield(n) {
			return
		}
	}
}
