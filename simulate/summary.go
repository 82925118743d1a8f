package simulate

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Summary is what came of a run.
type Summary struct {
	// Sent is how many messages were sent: Events different ones that are right,
	// Wrong different ones that are wrong on purpose, and Repeats of both.
	Sent, Events, Wrong, Repeats int
	// Outages is how many connections were lost on purpose. Resent is how many
	// messages were sent again, marked as duplicates (DUP), after these and any
	// other losses; they are not counted in Sent.
	Outages, Resent int
	// Answered is how many Events have an answer, one or more. By the first of
	// their answers they were Accepted, Rejected, Conflict or Ignored.
	Answered, Accepted, Rejected, Conflict, Ignored int
	// Duplicates is how many answers were marked as repeats. It is more than
	// Repeats where a message was delivered more than once, as after a restart.
	Duplicates int
	// Refused is how many of Wrong were refused as they must be, Misjudged how many
	// were accepted or refused for another reason, Unrefused how many have no
	// answer.
	Refused, Misjudged, Unrefused int
	// Lost is how many Events have no answer.
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
	// LostIDs, UnrefusedIDs and DoubledID name some of the events in question,
	// Refusal the first answer to one of Events that was neither "accepted" nor
	// "ignored", with its reason, Ignoring the first that was "ignored", Misjudgement
	// the first answer to one of Wrong that is not right.
	LostIDs, UnrefusedIDs           []string
	DoubledID                       string
	Refusal, Ignoring, Misjudgement string
}

// someLost is how many events without an answer a summary names.
const someLost = 5

func (r *run) summary() Summary {
	t, d := r.totals(), r.latencies.snapshot()
	s := Summary{
		Sent: t.sent, Events: t.events, Wrong: t.wrong, Repeats: t.sent - t.events - t.wrong,
		Answered: t.answered, Accepted: t.accepted, Rejected: t.rejected, Conflict: t.conflict, Ignored: t.ignored,
		Duplicates: t.duplicates, Lost: t.events - t.answered, Doubled: t.doubled, Unexpected: t.unexpected,
		P50: d.quantile(0.50), P95: d.quantile(0.95), P99: d.quantile(0.99), Max: d.max,
		Elapsed: max(0, max(t.lastAnswer, t.lastSent)-r.playing),
		Refused: t.refused, Misjudged: t.misjudged, Unrefused: t.wrong - t.refused - t.misjudged,
		DoubledID: t.doubledID, Refusal: t.refusal, Ignoring: t.ignoring, Misjudgement: t.misjudgement,
	}
	s.Unanswered = t.waiting - s.Lost - s.Unrefused
	if s.Elapsed > 0 {
		s.Rate = float64(s.Answered) / s.Elapsed.Seconds()
	}
	for _, d := range r.devices {
		s.Outages += d.outages.count
		s.Resent += d.conn.Resent()
		for n := range d.ledger.lost {
			ids := &s.LostIDs
			if d.script.flaw(n) != nil {
				ids = &s.UnrefusedIDs
			}
			if len(*ids) < someLost {
				*ids = append(*ids, d.script.id(n))
			}
		}
	}
	slices.Sort(s.LostIDs)
	slices.Sort(s.UnrefusedIDs)
	return s
}

// OK reports whether every message was answered, no event was processed twice,
// and all that is wrong was refused as it must be.
func (s Summary) OK() bool {
	return s.Lost == 0 && s.Unanswered == 0 && s.Doubled == 0 && s.Misjudged == 0 && s.Unrefused == 0
}

// String is the summary as a block of lines for people, without a final newline.
func (s Summary) String() string {
	var b strings.Builder
	row := func(name string, n int, note string) {
		line := fmt.Sprintf("%-12s %11s  %s", name, thousands(n), note)
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	wrong := ""
	if s.Wrong > 0 {
		wrong = thousands(s.Wrong) + " wrong ones, "
	}
	row("sent", s.Sent, fmt.Sprintf("messages: %s events, %s%s repeats", thousands(s.Events), wrong, thousands(s.Repeats)))
	if s.Outages > 0 || s.Resent > 0 {
		row("sent again", s.Resent, fmt.Sprintf("messages (DUP), after %s outages", thousands(s.Outages)))
	}
	row("answered", s.Answered, fmt.Sprintf("events in %s: %s events/s", brief(s.Elapsed), thousands(int(s.Rate+0.5))))
	row("  accepted", s.Accepted, "")
	row("  rejected", s.Rejected, s.Refusal)
	if s.Conflict > 0 {
		row("  conflict", s.Conflict, "")
	}
	if s.Ignored > 0 {
		row("  ignored", s.Ignored, s.Ignoring)
	}
	if s.Wrong > 0 {
		row("refused", s.Refused, "wrong ones, as they must be")
	}
	if s.Misjudged > 0 {
		row("misjudged", s.Misjudged, "wrong ones; "+s.Misjudgement)
	}
	if s.Unrefused > 0 {
		row("unrefused", s.Unrefused, strings.Join(s.UnrefusedIDs, " "))
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
