package simulate

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Summary is what came of a run.
type Summary struct {
	// Sent is how many messages were sent: Events different ones, and Repeats.
	Sent, Events, Repeats int
	// Answered is how many events have an answer, one or more. By the first of
	// their answers they were Accepted, Rejected, Conflict or Ignored.
	Answered, Accepted, Rejected, Conflict, Ignored int
	// Duplicates is how many answers were marked as repeats. It is more than
	// Repeats where a message was delivered more than once, as after a restart.
	Duplicates int
	// Lost is how many events have no answer.
	Lost int
	// Unanswered is how many repeats have no answer of their own, of events that
	// have one or have none.
	Unanswered int
	// Doubled is how many events have answers that name different serials or a
	// different status: they were processed more than once. It is found out for
	// the newest events, 64 to 8,192 a device, and for all older ones that were
	// still unanswered when they were no longer among the newest.
	Doubled int
	// Unexpected is how many messages came that are no answer to anything that was
	// sent, or have a status that is not known.
	Unexpected int
	// P50, P95, P99 and Max are latencies from the sending of an event to its
	// first answer; the first three are at most 1.6 % too high.
	P50, P95, P99, Max time.Duration
	// Elapsed is from the first sending to the last answer, Rate the answered
	// events per second of it.
	Elapsed time.Duration
	Rate    float64
	// LostIDs and DoubledID name some of the events in question, Refusal the first
	// answer that was not "accepted", with its reason.
	LostIDs   []string
	DoubledID string
	Refusal   string
}

// someLost is how many lost events a summary names.
const someLost = 5

func (r *run) summary() Summary {
	t, d := r.totals(), r.latencies.snapshot()
	s := Summary{
		Sent: t.sent, Events: t.events, Repeats: t.sent - t.events,
		Answered: t.answered, Accepted: t.accepted, Rejected: t.rejected, Conflict: t.conflict, Ignored: t.ignored,
		Duplicates: t.duplicates, Lost: t.events - t.answered, Doubled: t.doubled, Unexpected: t.unexpected,
		P50: d.quantile(0.50), P95: d.quantile(0.95), P99: d.quantile(0.99), Max: d.max,
		Elapsed:   max(0, max(t.lastAnswer, t.lastSent)-r.playing),
		DoubledID: t.doubledID, Refusal: t.refusal,
	}
	s.Unanswered = t.waiting - s.Lost
	if s.Elapsed > 0 {
		s.Rate = float64(s.Answered) / s.Elapsed.Seconds()
	}
	for _, d := range r.devices {
		for n := range d.ledger.lost {
			if len(s.LostIDs) == someLost {
				break
			}
			s.LostIDs = append(s.LostIDs, d.script.id(n))
		}
	}
	slices.Sort(s.LostIDs)
	return s
}

// OK reports whether every message was answered and no event was processed
// twice.
func (s Summary) OK() bool { return s.Lost == 0 && s.Unanswered == 0 && s.Doubled == 0 }

// String is the summary as a block of lines for people, without a final newline.
func (s Summary) String() string {
	var b strings.Builder
	row := func(name string, n int, note string) {
		line := fmt.Sprintf("%-12s %11s  %s", name, thousands(n), note)
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	row("sent", s.Sent, fmt.Sprintf("messages: %s events, %s repeats", thousands(s.Events), thousands(s.Repeats)))
	row("answered", s.Answered, fmt.Sprintf("events in %s: %s events/s", brief(s.Elapsed), thousands(int(s.Rate+0.5))))
	row("  accepted", s.Accepted, "")
	row("  rejected", s.Rejected, s.Refusal)
	if s.Conflict > 0 {
		row("  conflict", s.Conflict, "")
	}
	if s.Ignored > 0 {
		row("  ignored", s.Ignored, "")
	}
	row("duplicates", s.Duplicates, "answers marked as repeats")
	if s.Unexpected > 0 {
		row("unexpected", s.Unexpected, "messages that answer nothing")
	}
	if s.Doubled > 0 {
		row("doubled", s.Doubled, "events with answers that differ, as "+s.DoubledID)
	}
	if s.Unanswered > 0 {
		row("unanswered", s.Unanswered, "repeats")
	}
	row("lost", s.Lost, strings.Join(s.LostIDs, " "))
	fmt.Fprintf(&b, "%-12s p50 %s  p95 %s  p99 %s  max %s", "latency", brief(s.P50), brief(s.P95), brief(s.P99), brief(s.Max))
	return b.String()
}
