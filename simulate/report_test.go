package simulate

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestHistogramIsNearTheTruth(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	var h histogram
	var all []time.Duration
	for range 20_000 {
		d := time.Duration(random.ExpFloat64() * float64(3*time.Millisecond))
		h.add(d)
		all = append(all, d)
	}
	slices.Sort(all)
	got := h.snapshot()
	if got.total != int64(len(all)) || got.max != all[len(all)-1] {
		t.Errorf("got %d up to %s", got.total, got.max)
	}
	for _, q := range []float64{0.01, 0.5, 0.95, 0.99, 0.999, 1} {
		want := all[max(0, int(q*float64(len(all)))-1)]
		if v := got.quantile(q); v < want-time.Microsecond || float64(v) > 1.02*float64(want)+2000 {
			t.Errorf("p%g: got %s, want %s", 100*q, v, want)
		}
	}
}

func TestHistogramBuckets(t *testing.T) {
	t.Parallel()
	before := -1
	for us := int64(0); us < 1<<33; us += 1 + us/200 {
		d := time.Duration(us) * time.Microsecond
		i := bucket(d)
		if i < before || i > before+1 && us < 1<<32 || i >= buckets {
			t.Fatalf("%s is in bucket %d after %d", d, i, before)
		}
		if us < 1<<32 && (upperEnd(i) <= d || float64(upperEnd(i)) > 1.016*float64(d)+1000) {
			t.Fatalf("%s is in a bucket up to %s", d, upperEnd(i))
		}
		before = i
	}
	if bucket(-time.Second) != 0 {
		t.Error("a negative latency is not 0")
	}
	var h histogram
	if got := h.snapshot().quantile(0.5); got != 0 {
		t.Errorf("the median of nothing is %s", got)
	}
}

func TestHistogramOfAnInterval(t *testing.T) {
	t.Parallel()
	var h histogram
	h.add(time.Millisecond)
	before := h.snapshot()
	h.add(50 * time.Microsecond)
	got := h.snapshot().since(before)
	if q := got.quantile(0.99); got.total != 1 || q > 52*time.Microsecond {
		t.Errorf("got %d latencies up to %s, want the later one", got.total, q)
	}
}

func TestSummaryString(t *testing.T) {
	t.Parallel()
	good := Summary{
		Sent: 10_101, Events: 10_001, Repeats: 100, Answered: 10_001, Accepted: 10_001, Duplicates: 100,
		P50: 3123 * time.Microsecond, P95: 5210 * time.Microsecond, P99: 8888 * time.Microsecond, Max: 20_456 * time.Microsecond,
		Elapsed: 5051 * time.Millisecond, Rate: 1980.2,
	}
	bad := good
	bad.Answered, bad.Accepted, bad.Rejected, bad.Conflict, bad.Ignored = 9_999, 9_990, 7, 1, 1
	bad.Lost, bad.LostIDs, bad.Doubled, bad.DoubledID = 2, []string{"a-1-2", "a-1-3"}, 1, "a-2-1"
	bad.Unanswered, bad.Unexpected, bad.Refusal = 3, 4, "a-1-1 rejected PART_NOT_FOUND no such part"
	bad.Ignoring = "a-1-5 ignored NO_TRIGGER no trigger fires"
	faulty := good
	faulty.Events, faulty.Wrong, faulty.Refused, faulty.Outages, faulty.Resent = 9_951, 50, 50, 12, 1_017
	worse := faulty
	worse.Refused, worse.Misjudged, worse.Unrefused, worse.UnrefusedIDs = 47, 1, 2, []string{"a-1-8", "a-1-9"}
	worse.Misjudgement = "part is not known: a-1-7 accepted"
	for _, c := range []struct {
		summary Summary
		ok      bool
		want    string
	}{
		{faulty, true, `
sent              10,101  messages: 9,951 events, 50 wrong ones, 100 repeats
sent again         1,017  messages (DUP), after 12 outages
answered          10,001  events in 5.05s: 1,980 events/s
  accepted        10,001
  rejected             0
refused               50  wrong ones, as they must be
duplicates           100  answers marked as repeats
lost                   0
latency      p50 3.12ms  p95 5.21ms  p99 8.89ms  max 20.5ms`},
		{worse, false, `
sent              10,101  messages: 9,951 events, 50 wrong ones, 100 repeats
sent again         1,017  messages (DUP), after 12 outages
answered          10,001  events in 5.05s: 1,980 events/s
  accepted        10,001
  rejected             0
refused               47  wrong ones, as they must be
misjudged              1  wrong ones; part is not known: a-1-7 accepted
unrefused              2  a-1-8 a-1-9
duplicates           100  answers marked as repeats
lost                   0
latency      p50 3.12ms  p95 5.21ms  p99 8.89ms  max 20.5ms`},
		{good, true, `
sent              10,101  messages: 10,001 events, 100 repeats
answered          10,001  events in 5.05s: 1,980 events/s
  accepted        10,001
  rejected             0
duplicates           100  answers marked as repeats
lost                   0
latency      p50 3.12ms  p95 5.21ms  p99 8.89ms  max 20.5ms`},
		{bad, false, `
sent              10,101  messages: 10,001 events, 100 repeats
answered           9,999  events in 5.05s: 1,980 events/s
  accepted         9,990
  rejected             7  a-1-1 rejected PART_NOT_FOUND no such part
  conflict             1
  ignored              1  a-1-5 ignored NO_TRIGGER no trigger fires
duplicates           100  answers marked as repeats
unexpected             4  messages that answer nothing
doubled                1  events with answers that differ, as a-2-1
unanswered             3  repeats
lost                   2  a-1-2 a-1-3
latency      p50 3.12ms  p95 5.21ms  p99 8.89ms  max 20.5ms`},
	} {
		if diff := cmp.Diff(strings.TrimPrefix(c.want, "\n"), c.summary.String()); diff != "" {
			t.Error(diff)
		}
		if c.summary.OK() != c.ok {
			t.Errorf("OK is %v of\n%s", !c.ok, c.summary)
		}
	}
	for name, s := range map[string]Summary{"lost": {Lost: 1}, "doubled": {Doubled: 1}, "unanswered": {Unanswered: 1}, "misjudged": {Misjudged: 1}, "unrefused": {Unrefused: 1}} {
		if s.OK() {
			t.Errorf("%s is OK", name)
		}
	}
}

func TestLiveLine(t *testing.T) {
	t.Parallel()
	var h histogram
	h.add(time.Second)
	before := moment{at: 11 * time.Second, totals: totals{answered: 22_000}, latencies: h.snapshot()}
	for range 100 {
		h.add(3 * time.Millisecond)
	}
	now := moment{
		at: 12 * time.Second, totals: totals{sent: 24_010, answered: 24_003, accepted: 23_998, waiting: 7},
		latencies: h.snapshot(), offline: 3, devices: 10,
	}
	want := "  12s  sent 24,010  answered 24,003  accepted 23,998  in flight 7  2,003 events/s  p50 3.01ms  p99 3.01ms  (3 of 10 devices offline)"
	if diff := cmp.Diff(want, now.line(before)); diff != "" {
		t.Error(diff)
	}
	if got := now.line(now); !strings.Contains(got, "0 events/s  p50 -  p99 -") {
		t.Errorf("without an answer: got %s", got)
	}
}

func TestThousands(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 123456: "123,456", 1234567: "1,234,567", -1000: "-1,000", -100: "-100"} {
		if got := thousands(n); got != want {
			t.Errorf("%d is written as %s, want %s", n, got, want)
		}
	}
}

func TestBrief(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0: "0s", 123_400 * time.Nanosecond: "123µs", 3123 * time.Microsecond: "3.12ms", 31234 * time.Microsecond: "31.2ms",
		312_345 * time.Microsecond: "312ms", 3123 * time.Millisecond: "3.12s", 31_234 * time.Millisecond: "31.2s",
	} {
		if got := brief(d); got != want {
			t.Errorf("%s is written as %s, want %s", d, got, want)
		}
	}
}
