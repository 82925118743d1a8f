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
			l.begin(nil, 0)
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
			l.note(n, accepted("A"), nil, 0)
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
		if got := l.begin(nil, time.Duration(n)); got != n {
			t.Fatalf("got number %d, want %d", got, n)
		}
		if n%100 != 0 {
			l.note(n, accepted("A"), nil, time.Duration(n)+1)
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
		if r := l.note(n, accepted("B"), nil, events); !r.first || !r.record || r.latency != events-time.Duration(n) {
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
	n := l.begin(nil, 0)
	l.note(n, accepted("A"), nil, 1)
	if !l.again(n, nil, 2) {
		t.Fatal("can't be repeated")
	}
	for range 1000 {
		l.note(l.begin(nil, 3), accepted("A"), nil, 3)
	}
	if l.totals.waiting != 1 {
		t.Fatalf("%d wait, want the repeat", l.totals.waiting)
	}
	if l.note(n, accepted("B"), nil, 4); l.totals.doubled != 1 || l.totals.waiting != 0 || len(l.older) != 0 {
		t.Errorf("got %+v", l.totals)
	}
	// Settled and forgotten: counted, and no harm.
	again := accepted("C")
	again.Duplicate = true
	if r := l.note(n, again, nil, 5); r != (receipt{}) || l.totals.duplicates != 1 || l.totals.doubled != 1 {
		t.Errorf("got %+v, %+v", r, l.totals)
	}
	if l.again(n, nil, 6) {
		t.Error("a forgotten event is repeated")
	}
}

// Two answers that name different placeholders tell of an event that was processed
// twice; what was ignored is told apart from what was refused.
func TestLedgerComparesPlaceholdersAndTellsWhatWasIgnored(t *testing.T) {
	t.Parallel()
	made := func(id string) *answer {
		a := &answer{EventID: "a", Status: seriald.StatusAccepted}
		a.Placeholders = append(a.Placeholders, struct {
			ID string `json:"id"`
		}{id})
		return a
	}
	l := newLedger(64, 10)
	n := l.begin(nil, 0)
	l.note(n, made("1"), nil, 1)
	if l.note(n, made("1"), nil, 1); l.totals.doubled != 0 {
		t.Error("the same placeholder counts as another")
	}
	if l.note(n, made("2"), nil, 1); l.totals.doubled != 1 {
		t.Error("another placeholder counts as the same")
	}
	for i, status := range []seriald.Status{seriald.StatusIgnored, seriald.StatusConflict, seriald.StatusIgnored, seriald.StatusRejected} {
		l.note(l.begin(nil, 0), &answer{EventID: string(rune('b' + i)), Status: status}, nil, 1)
	}
	var sum totals
	if l.sum(&sum); sum.ignoring != "b ignored" || sum.refusal != "c conflict" {
		t.Errorf("ignored: %q, refused: %q", sum.ignoring, sum.refusal)
	}
}

// An answer that was delivered twice is not the answer to a later repeat.
func TestLedgerWaitsForTheAnswerToARepeat(t *testing.T) {
	t.Parallel()
	l := newLedger(64, 10)
	n := l.begin(nil, 0)
	l.note(n, accepted("A"), nil, 1)
	l.note(n, accepted("A"), nil, 1)
	l.again(n, nil, 2)
	if l.totals.waiting != 1 {
		t.Errorf("%d wait, want 1", l.totals.waiting)
	}
	for range 300 { // more than the entry counts to
		l.note(n, accepted("A"), nil, 3)
	}
	for range 300 {
		l.again(n, nil, 4)
	}
	if e := l.find(n); l.totals.waiting != 253 || e.sent != 255 || e.waiting() != 253 {
		t.Errorf("%d wait, entry %+v", l.totals.waiting, *e)
	}
}

func TestLedgerRecordsOnce(t *testing.T) {
	t.Parallel()
	l := newLedger(64, 10)
	acknowledged, answered := l.begin(nil, 0), l.begin(nil, 0)
	if !l.record(acknowledged) || l.record(acknowledged) || l.note(acknowledged, accepted("A"), nil, 1).record {
		t.Error("an acknowledged event is not recorded once")
	}
	if !l.note(answered, accepted("A"), nil, 1).record || l.record(answered) {
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
	forAnotherReason := *rejected
	forAnotherReason.Code = seriald.CodePartNotFound
	for i, a := range []*answer{accepted("a"), accepted("b"), accepted(""), {Status: seriald.StatusAccepted}, two, other, rejected, &forAnotherReason} {
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

// flawNamed returns the flaw of that name.
func flawNamed(tb testing.TB, name string) *flaw {
	tb.Helper()
	for i := range flaws {
		if flaws[i].name == name {
			return &flaws[i]
		}
	}
	tb.Fatalf("no flaw is named %q", name)
	return nil
}

// right is the answer that event id with flaw f must get.
func right(id string, f *flaw) *answer {
	if f.nameless {
		id = ""
	}
	return &answer{EventID: id, Status: seriald.StatusRejected, Code: f.refusal.code, Field: f.refusal.field}
}

func TestLedgerJudgesAnswersToWhatIsWrong(t *testing.T) {
	t.Parallel()
	unknown := flawNamed(t, "part is not known")
	other := right("d-0", unknown)
	other.Code = seriald.CodeRateLimited
	for name, c := range map[string]struct {
		answers []*answer
		want    totals
	}{
		"refused":                    {[]*answer{right("d-0", unknown)}, totals{refused: 1}},
		"refused twice":              {[]*answer{right("d-0", unknown), right("d-0", unknown)}, totals{refused: 1}},
		"accepted":                   {[]*answer{accepted("d-0")}, totals{misjudged: 1, misjudgement: "part is not known: d-0 accepted"}},
		"refused for another reason": {[]*answer{other}, totals{misjudged: 1, misjudgement: "part is not known: d-0 rejected RATE_LIMITED"}},
		"refused, then accepted":     {[]*answer{right("d-0", unknown), accepted("d-0")}, totals{refused: 1, doubled: 1, doubledID: "d-0"}},
		"refused for two reasons":    {[]*answer{right("d-0", unknown), other}, totals{refused: 1, doubled: 1, doubledID: "d-0"}},
	} {
		l := newLedger(64, 10)
		n := l.begin(unknown, 0)
		for _, a := range c.answers {
			if r := l.note(n, a, unknown, 1); r != (receipt{}) {
				t.Errorf("%s: is recorded or measured: %+v", name, r)
			}
		}
		c.want.sent, c.want.wrong, c.want.lastAnswer, c.want.lastReceived = 1, 1, 1, 1
		if l.totals != c.want {
			t.Errorf("%s: got %+v, want %+v", name, l.totals, c.want)
		}
	}
}

// Refusals without an id go to the oldest message that must be refused so.
func TestLedgerTakesNamelessRefusalsInOrder(t *testing.T) {
	t.Parallel()
	broken, number := flawNamed(t, "JSON is broken off"), flawNamed(t, "id is a number")
	l := newLedger(64, 100)
	first, id, second := l.begin(broken, 0), l.begin(number, 0), l.begin(broken, 0)
	good := l.begin(nil, 0)
	waiting := func(want int, lost ...uint32) {
		t.Helper()
		got := slices.Sorted(func(yield func(uint32) bool) { l.lost(yield) })
		if l.totals.waiting != want || !slices.Equal(got, lost) {
			t.Fatalf("%d wait and %d have no answer, want %d and %d; %+v", l.totals.waiting, got, want, lost, l.totals)
		}
	}
	waiting(4, first, id, second, good)
	l.refused(right("", broken), 1)
	waiting(3, id, second, good)
	l.again(first, broken, 2) // behind second
	waiting(4, id, second, good)
	l.refused(right("", broken), 3)
	waiting(3, id, good)
	l.refused(right("", broken), 3)
	waiting(2, id, good)
	l.refused(right("", number), 3)
	waiting(1, good)
	l.refused(right("", number), 3) // delivered once more
	l.refused(right("", number), 3)
	last := l.begin(number, 4)
	waiting(2, good, last) // which is not answered by what came before it
	if l.totals.unexpected != 0 || l.totals.refused != 3 || l.totals.wrong != 4 || l.totals.events != 1 {
		t.Errorf("got %+v", l.totals)
	}
	l.refused(&answer{Status: seriald.StatusRejected, Code: seriald.CodePayloadTooLarge}, 5) // none was sent
	l.refused(&answer{Status: seriald.StatusAccepted, Code: number.refusal.code, Field: number.refusal.field}, 5)
	if l.totals.unexpected != 2 || l.totals.waiting != 2 {
		t.Errorf("got %+v", l.totals)
	}
}
