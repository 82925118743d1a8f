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
	Field     string         `json:"field"`
	Duplicate bool           `json:"duplicate"`
	Serials   []struct {
		SerialNumber string `json:"serialNumber"`
	} `json:"serials"`
	Placeholders []struct {
		ID string `json:"id"`
	} `json:"placeholders"`
}

func (a *answer) refusal() refusal { return refusal{a.Code, a.Field} }

// text is the answer in one line.
func (a *answer) text() string {
	return strings.TrimSpace(a.EventID + " " + string(a.Status) + " " + string(a.Code) + " " + a.Message)
}

// digest is a hash (FNV-1a) of what all answers to one event must have in
// common: the status, the code, the serials and the placeholders. It is never 0.
func (a *answer) digest() uint32 {
	h := uint32(2166136261)
	add := func(s string) {
		for i := range len(s) {
			h = (h ^ uint32(s[i])) * 16777619
		}
		h *= 16777619 // so that "a","bc" and "ab","c" differ
	}
	add(string(a.Status))
	add(string(a.Code))
	for _, s := range a.Serials {
		add(s.SerialNumber)
	}
	for _, p := range a.Placeholders {
		add(p.ID)
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
	// nameless are the messages whose refusal is without an id, by what it says:
	// those that were not answered, in the order in which they were sent.
	nameless map[refusal][]flawed
}

// flawed is a message that is wrong on purpose.
type flawed struct {
	n uint32
	f *flaw
}

// totals is what is counted, of one device or of all.
type totals struct {
	sent, events, wrong, waiting                    int
	answered, accepted, rejected, conflict, ignored int // events, by the first answer
	refused, misjudged                              int // wrong ones, by the first answer
	duplicates, doubled, unexpected                 int
	lastSent, lastAnswer, lastReceived              time.Duration
	doubledID                                       string // one of them
	refusal                                         string // the first that was neither accepted nor ignored
	ignoring                                        string // the first that was ignored
	misjudgement                                    string // the first
}

func (t *totals) add(o *totals) {
	t.sent += o.sent
	t.events += o.events
	t.wrong += o.wrong
	t.waiting += o.waiting
	t.answered += o.answered
	t.accepted += o.accepted
	t.rejected += o.rejected
	t.conflict += o.conflict
	t.ignored += o.ignored
	t.refused += o.refused
	t.misjudged += o.misjudged
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
	if t.ignoring == "" {
		t.ignoring = o.ignoring
	}
	if t.misjudgement == "" {
		t.misjudgement = o.misjudgement
	}
}

// newLedger returns a ledger that remembers the newest events, a power of two.
func newLedger(newest, limit int) *ledger {
	return &ledger{
		// Going on only when a quarter is free makes bursts, which cost less.
		limit: limit, resume: min(limit-1, limit-limit/4), freed: make(chan struct{}, 1),
		newest: make([]entry, newest), older: map[uint32]*entry{}, nameless: map[refusal][]flawed{},
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

// begin notes a new event that is about to be sent, with what is wrong with it,
// and returns its number.
func (l *ledger) begin(f *flaw, now time.Duration) uint32 {
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
	if f == nil {
		l.totals.events++
	} else {
		l.totals.wrong++
	}
	l.sent(n, f, now)
	return n
}

// again notes that event n is about to be sent once more, with the flaw that it
// has; false means that it must not be.
func (l *ledger) again(n uint32, f *flaw, now time.Duration) bool {
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
	l.sent(n, f, now)
	return true
}

// sent counts a message of event n; l.mu is held.
func (l *ledger) sent(n uint32, f *flaw, now time.Duration) {
	if f != nil && f.nameless {
		l.nameless[f.refusal] = append(l.nameless[f.refusal], flawed{n, f})
	}
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

// note takes down an answer to event n, whose id is a.EventID and whose flaw is
// f.
func (l *ledger) note(n uint32, a *answer, f *flaw, now time.Duration) (r receipt) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.take(n, a, f, now)
}

// refused takes down an answer without an id. It is taken for that to the oldest
// message that must be answered so: a device's messages are answered in order.
// One more than there are messages may come where something was sent again.
func (l *ledger) refused(a *answer, now time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	waiting, known := l.nameless[a.refusal()]
	switch {
	case !known || a.Status != seriald.StatusRejected:
		l.totals.lastReceived = now
		l.totals.unexpected++
	case len(waiting) == 0:
		l.totals.lastReceived = now
	default:
		l.nameless[a.refusal()] = waiting[1:]
		l.take(waiting[0].n, a, waiting[0].f, now)
	}
}

// take takes down an answer to event n; l.mu is held.
func (l *ledger) take(n uint32, a *answer, f *flaw, now time.Duration) (r receipt) {
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
		if f != nil {
			l.totals.judge(a, f)
			break
		}
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
		if t.ignoring == "" {
			t.ignoring = a.text()
		}
		return
	default:
		t.unexpected++
	}
	if t.refusal == "" {
		t.refusal = a.text()
	}
}

// judge takes the first answer to an event with flaw f into account.
func (t *totals) judge(a *answer, f *flaw) {
	if f.expects(a) {
		t.refused++
		return
	}
	t.misjudged++
	if t.misjudgement == "" {
		t.misjudgement = f.name + ": " + a.text()
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
