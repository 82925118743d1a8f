package simulate

import (
	"slices"
	"testing"
	"time"

	"github.com/machshop/seriald"
)

func accepted(serial string) *answer {
	a := &answer{EventID: serial, Status: seriald.StatusAccepted}
	a.Serials = append(a.Serials, struct {
		SerialNumber string `json:"serialNumber"`
	}{serial})
	return a
}

func TestLedgerStopsAtItsLimitAndGoesOnWithAQuarterFree(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ limit, resume int }{{1, 0}, {2, 1}, {3, 2}, {4, 3}, {8, 6}, {100, 75}} {
		l := newLedger(64, c.limit)
		sent := 0
		for ; l.room(); sent++ {
			l.begin(0)
		}
		if sent != c.limit {
			t.Errorf("limit %d: sent %d", c.limit, sent)
		}
		for n := range uint32(c.limit - c.resume) {
			select {
			case <-l.freed:
				t.Fatalf("limit %d: goes on after %d answers", c.limit, n)
			default:
			}
			if l.room() {
				t.Errorf("limit %d: there is room after %d answers", c.limit, n)
			}
			l.note(n, accepted("A"), 0)
		}
		select {
		case <-l.freed:
		default:
			t.Errorf("limit %d: does not go on", c.limit)
		}
		if !l.room() {
			t.Errorf("limit %d: no room after %d answers", c.limit, c.limit-c.resume)
		}
	}
}

func TestLedgerRemembersWhatIsNotAnswered(t *testing.T) {
	t.Parallel()
	const newest, events = 64, 10_000
	l := newLedger(newest, maxWindow)
	for n := range uint32(events) {
		if got := l.begin(time.Duration(n)); got != n {
			t.Fatalf("got number %d, want %d", got, n)
		}
		if n%100 != 0 {
			l.note(n, accepted("A"), time.Duration(n)+1)
		}
	}
	if len(l.older) != events/100 || l.totals.waiting != events/100 {
		t.Errorf("%d older events are kept and %d wait, want %d and %d", len(l.older), l.totals.waiting, events/100, events/100)
	}
	lost := slices.Sorted(func(yield func(uint32) bool) { l.lost(yield) })
	if len(lost) != events/100 || lost[1] != 100 || lost[len(lost)-1] != events-100 {
		t.Errorf("got lost events %d", lost)
	}
	for i, n := range lost {
		if r := l.note(n, accepted("B"), events); !r.first || !r.record || r.latency != events-time.Duration(n) {
			t.Fatalf("event %d: got %+v", n, r)
		}
		if l.totals.waiting != len(lost)-i-1 {
			t.Fatalf("%d wait", l.totals.waiting)
		}
	}
	if len(l.older) != 0 || l.totals.answered != events || l.totals.doubled != 0 {
		t.Errorf("%d are kept; %+v", len(l.older), l.totals)
	}
}

// A repeat whose answer comes when the event is no longer among the newest is
// compared all the same.
func TestLedgerComparesALateAnswerToARepeat(t *testing.T) {
	t.Parallel()
	l := newLedger(64, maxWindow)
	n := l.begin(0)
	l.note(n, accepted("A"), 1)
	if !l.again(n, 2) {
		t.Fatal("can't be repeated")
	}
	for range 1000 {
		l.note(l.begin(3), accepted("A"), 3)
	}
	if l.totals.waiting != 1 {
		t.Fatalf("%d wait, want the repeat", l.totals.waiting)
	}
	if l.note(n, accepted("B"), 4); l.totals.doubled != 1 || l.totals.waiting != 0 || len(l.older) != 0 {
		t.Errorf("got %+v", l.totals)
	}
	// Settled and forgotten: counted, and no harm.
	again := accepted("C")
	again.Duplicate = true
	if r := l.note(n, again, 5); r != (receipt{}) || l.totals.duplicates != 1 || l.totals.doubled != 1 {
		t.Errorf("got %+v, %+v", r, l.totals)
	}
	if l.again(n, 6) {
		t.Error("a forgotten event is repeated")
	}
}

// An answer that was delivered twice is not the answer to a later repeat.
func TestLedgerWaitsForTheAnswerToARepeat(t *testing.T) {
	t.Parallel()
	l := newLedger(64, 10)
	n := l.begin(0)
	l.note(n, accepted("A"), 1)
	l.note(n, accepted("A"), 1)
	l.again(n, 2)
	if l.totals.waiting != 1 {
		t.Errorf("%d wait, want 1", l.totals.waiting)
	}
	for range 300 { // more than the entry counts to
		l.note(n, accepted("A"), 3)
	}
	for range 300 {
		l.again(n, 4)
	}
	if e := l.find(n); l.totals.waiting != 253 || e.sent != 255 || e.waiting() != 253 {
		t.Errorf("%d wait, entry %+v", l.totals.waiting, *e)
	}
}

func TestLedgerRecordsOnce(t *testing.T) {
	t.Parallel()
	l := newLedger(64, 10)
	acknowledged, answered := l.begin(0), l.begin(0)
	if !l.record(acknowledged) || l.record(acknowledged) || l.note(acknowledged, accepted("A"), 1).record {
		t.Error("an acknowledged event is not recorded once")
	}
	if !l.note(answered, accepted("A"), 1).record || l.record(answered) {
		t.Error("an answered event is not recorded once")
	}
}

func TestDigestTellsAnswersApart(t *testing.T) {
	t.Parallel()
	seen := map[uint32]int{}
	two := accepted("a")
	two.Serials = append(two.Serials, accepted("bc").Serials...)
	other := accepted("ab")
	other.Serials = append(other.Serials, accepted("c").Serials...)
	rejected := accepted("a")
	rejected.Status = seriald.StatusRejected
	for i, a := range []*answer{accepted("a"), accepted("b"), accepted(""), {Status: seriald.StatusAccepted}, two, other, rejected} {
		if j, ok := seen[a.digest()]; ok || a.digest() == 0 {
			t.Errorf("answers %d and %d have digest %d", i, j, a.digest())
		}
		seen[a.digest()] = i
	}
	duplicate := accepted("a")
	duplicate.Duplicate = true
	if duplicate.digest() != accepted("a").digest() {
		t.Error("being a duplicate makes a difference")
	}
}
