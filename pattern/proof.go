package pattern

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"
)

// Use is how a pattern is to be used.
type Use struct {
	Start     int64 // the counter's first value
	Increment int64 // more than 0
	// Period names the stretch of local time in which the counter does not start
	// again; nil if it never does. Unit is what such a stretch is called: "day",
	// "week", "month" or "year".
	Period func(local time.Time) string
	Unit   string

	// BySite and ByPart say that each site, or part, has a counter of its own.
	BySite, ByPart bool
	// AcrossSites and AcrossParts say that a number must be unique among those of
	// other sites, or parts.
	AcrossSites, AcrossParts bool

	// Longest is the most characters of what comes with an event, by token
	// ("PART"); what is not in it can have LongestText.
	Longest map[string]int
	// MaxLength is the most characters of a number, of a label or a column; 0 is no
	// bound.
	MaxLength int
	// GS1 says that numbers are serial numbers of AI (21): at most 20 characters of
	// GS1 AI encodable character set 82.
	GS1 bool
	// Year is the first in which it is used.
	Year int
}

// LongestText is the most characters of what comes with an event.
const LongestText = 200

// Problem is something wrong with a pattern, or unwise.
type Problem struct {
	// Position is where, in bytes of the pattern from 1; 0 if it is about the whole.
	Position int
	// Message says what, with an example where there is one, and what to write.
	Message string
}

// Proof is what is known of a pattern before it is used.
type Proof struct {
	Problems []Problem // why it must not be used; none is the proof that it may be
	Warnings []Problem // what is allowed and unwise

	MinLength, MaxLength int // characters of a number
	// Values is how many numbers a counter has room for in a period; 0 if there is
	// no counter.
	Values int64
	// Space is how many numbers of the same date and event a guess has to choose
	// from: 1 says that the next number is known, a counter's being in order.
	Space float64
}

const (
	// soon is within how many years a number that comes again is a problem; later
	// it is a warning.
	soon = 10
	// cycle is after how many days the calendar begins anew, week days and all.
	cycle = 146_097
)

// Prove looks for all that can be wrong with p in a use.
func (p *Pattern) Prove(u Use) Proof {
	pr := &prover{Pattern: p, use: u}
	pr.counts()
	pr.repeats()
	pr.periods()
	pr.counters()
	pr.lengths()
	pr.characters()
	pr.checks()
	return pr.proof
}

type prover struct {
	*Pattern
	use   Use
	proof Proof
}

func (pr *prover) problem(at int, format string, args ...any) {
	pr.proof.Problems = append(pr.proof.Problems, Problem{at, fmt.Sprintf(format, args...)})
}

func (pr *prover) warn(at int, format string, args ...any) {
	pr.proof.Warnings = append(pr.proof.Warnings, Problem{at, fmt.Sprintf(format, args...)})
}

// find returns the elements of some tokens.
func (p *Pattern) find(tokens ...token) []*element {
	var found []*element
	for i := range p.elements {
		if slices.Contains(tokens, p.elements[i].token) {
			found = append(found, &p.elements[i])
		}
	}
	return found
}

// counted returns the elements that show the counter.
func (p *Pattern) counted() []*element { return p.find(sequence, serialRandom) }

// Permuted returns how many values the permutation of {SERIAL_RANDOM:n} is of; 0 if
// there is no such token.
func (p *Pattern) Permuted() uint64 {
	if found := p.find(serialRandom); len(found) > 0 {
		return uint64(found[0].limit)
	}
	return 0
}

// Counts reports whether numbers show a counter.
func (p *Pattern) Counts() bool { return len(p.counted()) > 0 }

// Room returns how many values of a counter from start on have a number; 0 if it has
// none or is not shown.
func (p *Pattern) Room(start, increment int64) int64 {
	room := int64(0)
	for i, e := range p.counted() {
		if n := (e.limit-1-max(0, start))/max(1, increment) + 1; start < e.limit && (i == 0 || n < room) {
			room = n
		} else if start >= e.limit {
			return 0
		}
	}
	return room
}

// Random reports whether numbers have random characters: one that is taken can be
// made anew.
func (p *Pattern) Random() bool { return len(p.find(random)) > 0 }

// counts judges the counter's room.
func (pr *prover) counts() {
	if pr.use.Start < 0 {
		pr.problem(0, "the counter must not start below 0, but starts at %d", pr.use.Start)
	}
	if pr.use.Increment < 1 {
		pr.problem(0, "the counter's increment must be 1 or more, not %d", pr.use.Increment)
	}
	pr.proof.Space = 1
	for _, e := range pr.find(random, serialRandom) {
		pr.proof.Space *= math.Pow(float64(len(e.digits)), float64(e.width))
	}
	counted := pr.counted()
	if len(counted) == 0 {
		return
	}
	narrow := slices.MinFunc(counted, func(a, b *element) int { return cmp.Compare(a.limit, b.limit) })
	if pr.use.Start >= narrow.limit {
		pr.problem(narrow.at, "{%s} has no room for the counter's start, %d: it ends at %d", narrow.text, pr.use.Start, narrow.limit-1)
		return
	}
	pr.proof.Values = pr.Room(pr.use.Start, pr.use.Increment)
	if pr.proof.Values < 1000 {
		pr.warn(narrow.at, "{%s} has room for %d numbers%s", narrow.text, pr.proof.Values, pr.perPeriod())
	}
	for _, e := range pr.find(serialRandom) {
		if e.limit != pr.find(serialRandom)[0].limit {
			pr.problem(e.at, "{%s} is of another size than the {SERIAL_RANDOM:n} before it: make them equal", e.text)
		}
	}
}

func (pr *prover) perPeriod() string {
	if pr.use.Period == nil {
		return ", and then no more"
	}
	return " a " + pr.use.Unit
}

// repeats judges whether numbers that are made at random meet soon. (One that must
// come again does not even parse.)
func (pr *prover) repeats() {
	if pr.Counts() {
		return
	}
	const few = 1e6
	if pr.proof.Space < few {
		pr.warn(pr.find(random)[0].at, "random characters alone have %.0f possibilities: after some %.0f numbers every other one is taken and has to be made anew; add a counter or make it wider",
			pr.proof.Space, math.Sqrt(pr.proof.Space))
	}
}

// periods judges whether the dates in a number tell apart the periods of its
// counter, by all days of the calendar.
func (pr *prover) periods() {
	if pr.use.Period == nil || !pr.Counts() {
		return
	}
	dates := pr.find(year4, year2, yearCode, month, monthCode, day, dayOfYear, isoWeek, isoYear)
	type seen struct {
		period string
		on     time.Time
	}
	first := map[string]seen{}
	begin := time.Date(max(1, pr.use.Year), 1, 1, 12, 0, 0, 0, time.UTC)
	nearest, what := math.MaxInt, ""
	for d := range cycle {
		local := begin.AddDate(0, 0, d)
		var text []byte
		for _, e := range dates {
			text = appendDate(text, e.token, local)
		}
		period := pr.use.Period(local)
		before, ok := first[string(text)]
		if ok && before.period != period {
			if years := local.Year() - before.on.Year(); years < nearest {
				nearest, what = years, fmt.Sprintf("on %s and on %s", before.on.Format(time.DateOnly), local.Format(time.DateOnly))
			}
		}
		if nearest < soon {
			break // as bad as it gets to be told
		}
		first[string(text)] = seen{period, local}
	}
	switch {
	case nearest < soon:
		pr.problem(0, "the counter starts again each %s, and the dates in the number are the same %s: numbers would repeat; %s",
			pr.use.Unit, what, missing(pr.use.Unit))
	case nearest < math.MaxInt:
		pr.warn(0, "numbers come again after %d years, %s: write {YYYY}", nearest, what)
	}
}

// missing says which tokens tell periods apart.
func missing(unit string) string {
	switch unit {
	case "year":
		return "write {YYYY}"
	case "month":
		return "write {YYYY}{MM}"
	case "week":
		return "write {GGGG}W{WW}, with {GGGG} the year of the week"
	}
	return "write {YYYY}{MM}{DD}"
}

// counters judges whether a number tells of which counter it is, where numbers of
// several counters must be unique together.
func (pr *prover) counters() {
	if !pr.Counts() {
		return
	}
	for _, c := range []struct {
		needed bool
		token  token
		name   string
		whose  string
	}{
		{pr.use.BySite && pr.use.AcrossSites, site, "SITE", "sites"},
		{pr.use.ByPart && pr.use.AcrossParts, part, "PART", "parts"},
	} {
		if !c.needed {
			continue
		}
		found := pr.find(c.token)
		switch {
		case len(found) == 0:
			pr.problem(0, "each of the %s has a counter of its own, and numbers must be unique among all: add {%s}, or use one counter for all", c.whose, c.name)
		case !pr.readable(found[0]):
			pr.problem(found[0].at, "{%s} can't be told from what stands beside it: two %s may make the same number; put {%s} in front, with a character behind it that it can't have, such as /", c.name, c.whose, c.name)
		}
	}
}

// readable reports whether the text of an element can be read off every number:
// it is the only one of unknown length, or where it begins and ends is known from
// the left.
func (pr *prover) readable(e *element) bool {
	if len(pr.find(site, part, line, workOrder, lot, operation)) == 1 {
		return true
	}
	for i := range pr.elements {
		n := &pr.elements[i]
		if n.variable() && !delimited(n, pr.elements[i+1:]) {
			return false
		}
		if n == e {
			return true
		}
	}
	return false
}

// delimited reports whether what stands behind a text shows where it ends: nothing,
// or a character that a site or a line can't have.
func delimited(e *element, behind []element) bool {
	if len(behind) == 0 {
		return true
	}
	next := &behind[0]
	return (e.token == site || e.token == line) && next.token == literal && !tokenSet.has(next.text[0])
}
