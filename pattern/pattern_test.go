package pattern_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/machshop/seriald/pattern"
)

func parse(tb testing.TB, source string) *pattern.Pattern {
	tb.Helper()
	p, err := pattern.Parse(source)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

func render(p *pattern.Pattern, local time.Time, seq int64) (string, error) {
	return p.Render(&pattern.Values{Local: local, Seq: seq})
}

func date(year int, month time.Month, day int) time.Time {
	return time.Date(year, month, day, 12, 0, 0, 0, time.UTC)
}

func TestRender(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		source string
		local  time.Time
		seq    int64
		want   string
	}{
		"the demo plant's":            {"TST-{YYYY}{MM}{DD}-{SEQ:6}", date(2026, 3, 2), 1, "TST-20260302-000001"},
		"a sequence only":             {"{SEQ:3}", date(2026, 3, 2), 42, "042"},
		"a sequence that fills":       {"{SEQ:3}", date(2026, 3, 2), 999, "999"},
		"zero":                        {"{SEQ:1}", date(2026, 3, 2), 0, "0"},
		"eighteen digits":             {"{SEQ:18}", date(2026, 3, 2), 999_999_999_999_999_999, "999999999999999999"},
		"two sequences":               {"{SEQ:2}-{SEQ:4}", date(2026, 3, 2), 7, "07-0007"},
		"a year of two digits":        {"{YY}{SEQ:1}", date(2007, 3, 2), 1, "071"},
		"the first day of the year":   {"{DDD}/{SEQ:1}", date(2026, 1, 1), 1, "001/1"},
		"the last day of a leap year": {"{DDD}/{SEQ:1}", date(2028, 12, 31), 1, "366/1"},
		"the last day of a year":      {"{DDD}/{SEQ:1}", date(2026, 12, 31), 1, "365/1"},
		"a week of one digit":         {"{GGGG}W{WW}-{SEQ:1}", date(2026, 3, 1), 1, "2026W09-1"},
		"December in the next year":   {"{GGGG}W{WW} {YYYY}-{SEQ:1}", date(2025, 12, 29), 1, "2026W01 2025-1"},
		"January in the last year":    {"{GGGG}W{WW} {YYYY}-{SEQ:1}", date(2027, 1, 3), 1, "2026W53 2027-1"},
		"braces":                      {"{{{SEQ:1}}}", date(2026, 3, 2), 1, "{1}"},
		"braces around a name":        {"{{YYYY}}{SEQ:1}", date(2026, 3, 2), 1, "{YYYY}1"},
		"four braces":                 {"{{{{}}}}{SEQ:1}", date(2026, 3, 2), 1, "{{}}1"},
		"letters of several bytes":    {"Wülle–{SEQ:2}世", date(2026, 3, 2), 1, "Wülle–01世"},
		"a colon outside of a token":  {"S:N:{SEQ:2}", date(2026, 3, 2), 1, "S:N:01"},
		"a year in one character":     {"{Y1}{SEQ:1}", date(2026, 3, 2), 1, "U1"},
		"the first year code":         {"{Y1}{SEQ:1}", date(2010, 3, 2), 1, "A1"},
		"the year before it":          {"{Y1}{SEQ:1}", date(2009, 3, 2), 1, "X1"},
		"a month in one character":    {"{M1}{SEQ:1}", date(2026, 9, 2), 1, "91"},
		"October, November, December": {"{M1}{SEQ:1}", date(2026, 11, 2), 1, "N1"},
		"an hour":                     {"{HH}{SEQ:1}", date(2026, 11, 2), 1, "121"},
		"hexadecimal":                 {"{SEQ:4:16}", date(2026, 3, 2), 0xbeef, "BEEF"},
		"Crockford's base 32":         {"{SEQ:3:32}", date(2026, 3, 2), 31 + 32*18 + 1024*17, "HJZ"},
		"base 36":                     {"{SEQ:4:36}", date(2026, 3, 2), 36*36*36*36 - 1, "ZZZZ"},
		"a check of all before it":    {"PROD-{SEQ:6}-{CHECK:luhn}", date(2026, 3, 2), 1, "PROD-000001-8"},
		"a check of two characters":   {"{SEQ:3}{CHECK:iso7064-97-10}", date(2026, 3, 2), 794, "79444"},
		"a check in the middle":       {"{SEQ:3}{CHECK:damm}X", date(2026, 3, 2), 572, "5724X"},
		"a number beyond 48 bytes":    {strings.Repeat("x", 60) + "{SEQ:2}", date(2026, 3, 2), 1, strings.Repeat("x", 60) + "01"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := parse(t, tc.source)
			got, err := render(p, tc.local, tc.seq)
			if err != nil || got != tc.want {
				t.Errorf("got %q, %v, want %q", got, err, tc.want)
			}
			if p.String() != tc.source {
				t.Errorf("String: got %q, want %q", p.String(), tc.source)
			}
		})
	}
}

// The dates in a number are those of the time that is given, in its zone.
func TestRenderUsesTheSitesTime(t *testing.T) {
	t.Parallel()
	auckland, err := time.LoadLocation("Pacific/Auckland")
	if err != nil {
		t.Fatalf("these tests need the time zone database: %v", err)
	}
	p := parse(t, "{YYYY}{MM}{DD}-{SEQ:1}")
	instant := time.Date(2026, 12, 31, 11, 0, 0, 0, time.UTC)
	for local, want := range map[time.Time]string{instant: "20261231-1", instant.In(auckland): "20270101-1"} {
		if got, err := render(p, local, 1); err != nil || got != want {
			t.Errorf("%s: got %q, %v, want %q", local, got, err, want)
		}
	}
}

func TestRenderExhausted(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		source string
		seq    int64
	}{
		"one more than fits":          {"{SEQ:3}", 1000},
		"far more than fits":          {"{SEQ:3}", math.MaxInt64},
		"more than the widest":        {"{SEQ:18}", 1_000_000_000_000_000_000},
		"more than the second allows": {"{SEQ:4}-{SEQ:2}", 100},
		"below zero":                  {"{SEQ:3}", -1},
		"far below zero":              {"{SEQ:3}", math.MinInt64},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := render(parse(t, tc.source), date(2026, 3, 2), tc.seq)
			if got != "" || !errors.Is(err, pattern.ErrExhausted) || !strings.Contains(err.Error(), fmt.Sprint(tc.seq)) {
				t.Errorf("got %q, %v, want ErrExhausted that names %d", got, err, tc.seq)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		source string
		texts  []string // what the error says: where, and what to do
	}{
		"nothing":                   {"", []string{"must repeat", "{SEQ:n}"}},
		"no sequence":               {"{YYYY}{MM}{DD}", []string{`"{YYYY}{MM}{DD}" must repeat: it has no {SEQ:n}`}},
		"a sequence in braces":      {"{{SEQ:6}}", []string{"must repeat"}},
		"an unknown token":          {"A-{SEQ:2}-{QQ}", []string{"position 11", "unknown token {QQ}", "known are YYYY YY Y1 MM M1 DD DDD WW GGGG HH SEQ:n"}},
		"a token in lower case":     {"{yyyy}{SEQ:1}", []string{"position 1", "unknown token {yyyy}: write {YYYY}"}},
		"a token with a space":      {"{ YYYY}{SEQ:1}", []string{"position 1", "unknown token { YYYY}: write {YYYY}"}},
		"an empty token":            {"{SEQ:1}{}", []string{"position 8", "unknown token {}"}},
		"a token with argument":     {"{YYYY:2}{SEQ:1}", []string{"position 1", "{YYYY:2} takes no argument: write {YYYY}"}},
		"a token with a colon":      {"{DD:}{SEQ:1}", []string{"position 1", "{DD:} takes no argument: write {DD}"}},
		"a sequence without n":      {"{SEQ}", []string{"position 1", "{SEQ}: say how many characters, from 1 to 18: write {SEQ:6}"}},
		"a sequence of 0":           {"{SEQ:0}", []string{"position 1", "from 1 to 18"}},
		"a sequence of 19":          {"{SEQ:19}", []string{"position 1", "{SEQ:19}", "from 1 to 18"}},
		"a sequence of less":        {"{SEQ:-1}", []string{"position 1", "from 1 to 18"}},
		"a sequence of letters":     {"{SEQ:six}", []string{"position 1", "from 1 to 18"}},
		"a base of 8":               {"{SEQ:6:8}", []string{"position 1", "{SEQ:6:8}: the base must be 10, 16, 32 or 36: write {SEQ:6:36}"}},
		"a sequence of 13, base 36": {"{SEQ:13:36}", []string{"position 1", "from 1 to 12"}},
		"a random text of 0":        {"{RANDOM:0}", []string{"position 1", "from 1 to 32"}},
		"a random text of what":     {"{RANDOM:letters:3}", []string{"numeric, alpha, alphanumeric, hex"}},
		"random without n":          {"{RANDOM}", []string{"write {RANDOM:6}"}},
		"what may be meant":         {"{SEQ:1}{BATCH}", []string{"unknown token {BATCH}: write {LOT}"}},
		"a check of nothing":        {"{CHECK:luhn}{SEQ:3}", []string{"has nothing before it to check: put it behind"}},
		"a check that is none":      {"{SEQ:3}{CHECK:crc}", []string{"position 8", "luhn"}},
		"a check without a name":    {"{SEQ:3}{CHECK}", []string{"position 8", "luhn"}},
		"an argument too many":      {"{SEQ:3}{SITE:2}", []string{"{SITE:2} takes no argument: write {SITE}"}},
		"an open brace":             {"A{SEQ:1}{YY", []string{"position 9", "{ without }: write {{ for a brace"}},
		"a closed brace":            {"A{SEQ:1}}", []string{"position 9", "a single }: write }} for a brace"}},
		"a brace in a token":        {"{{{Y{SEQ:1}", []string{"position 3", "unknown token {Y{SEQ:1}"}},
		"a position in bytes":       {"Wü{SEQ}", []string{"position 4"}},
		"the whole pattern first":   {"A{X}", []string{`pattern "A{X}"`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := pattern.Parse(tc.source)
			if err == nil {
				t.Fatalf("got %q, want an error", p)
			}
			for _, text := range tc.texts {
				if !strings.Contains(err.Error(), text) {
					t.Errorf("got %q, want %q in it", err, text)
				}
			}
		})
	}
}

// patterns draws every kind of pattern, with the digits of its narrowest SEQ.
func patterns() *rapid.Generator[drawn] {
	return rapid.Custom(func(t *rapid.T) drawn {
		d := drawn{digits: 18}
		for _, kind := range rapid.SliceOfN(rapid.IntRange(0, 9), 0, 6).Draw(t, "kinds") {
			switch kind {
			case 0, 1:
				literal := rapid.StringN(0, 5, -1).Draw(t, "literal")
				d.source += strings.NewReplacer("{", "{{", "}", "}}").Replace(literal)
			case 2:
				d.sequence(t)
			default:
				d.source += []string{"{YYYY}", "{YY}", "{MM}", "{DD}", "{DDD}", "{WW}", "{GGGG}"}[kind-3]
			}
		}
		d.sequence(t)
		return d
	})
}

type drawn struct {
	source string
	digits int
}

func (d *drawn) sequence(t *rapid.T) {
	n := rapid.IntRange(1, 18).Draw(t, "digits")
	d.source += fmt.Sprintf("{SEQ:%d}", n)
	d.digits = min(d.digits, n)
}

func days() *rapid.Generator[time.Time] {
	return rapid.Map(rapid.Int64Range(0, 4_000_000_000), func(s int64) time.Time { return time.Unix(s, 0).UTC() })
}

// Two values of a counter never make the same number, on whatever days of its
// period they are taken: every token has its fixed width.
func TestDifferentValuesMakeDifferentNumbers(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		d := patterns().Draw(rt, "pattern")
		p := parse(t, d.source)
		limit := int64(math.Pow10(d.digits)) - 1
		x, y := rapid.Int64Range(0, limit).Draw(rt, "x"), rapid.Int64Range(0, limit).Draw(rt, "y")
		if rapid.Bool().Draw(rt, "neighbours") {
			y = (x + 1) % (limit + 1)
		}
		xNumber, err := render(p, days().Draw(rt, "day of x"), x)
		if err != nil {
			rt.Fatal(err)
		}
		yNumber, err := render(p, days().Draw(rt, "day of y"), y)
		if err != nil {
			rt.Fatal(err)
		}
		if x != y && xNumber == yNumber {
			rt.Fatalf("%d and %d both make %q", x, y, xNumber)
		}
		if len(xNumber) != len(yNumber) {
			rt.Fatalf("%q and %q differ in length", xNumber, yNumber)
		}
	})
}

// A value that needs more digits than there are makes no number at all.
func TestOverflowIsNeverALongerNumber(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		d := patterns().Draw(rt, "pattern")
		p := parse(t, d.source)
		limit := int64(math.Pow10(d.digits))
		seq := rapid.OneOf(rapid.Int64Range(limit, math.MaxInt64), rapid.Int64Range(math.MinInt64, -1)).Draw(rt, "value")
		if got, err := render(p, days().Draw(rt, "day"), seq); got != "" || !errors.Is(err, pattern.ErrExhausted) {
			rt.Fatalf("got %q, %v, want ErrExhausted", got, err)
		}
	})
}

// Literal text comes out as it went in, braces and all.
func TestLiteralsStay(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		want := rapid.String().Draw(rt, "literal")
		p := parse(t, strings.NewReplacer("{", "{{", "}", "}}").Replace(want)+"{SEQ:1}")
		if got, err := render(p, date(2026, 3, 2), 7); err != nil || got != want+"7" {
			rt.Fatalf("got %q, %v, want %q", got, err, want+"7")
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add("TST-{YYYY}{MM}{DD}-{SEQ:6}", int64(1), int64(1_772_452_800))
	f.Add("{{{SEQ:18}}}{GGGG}W{WW}", int64(math.MaxInt64), int64(0))
	f.Add("{SEQ:", int64(0), int64(-1))
	f.Add("{SEQ:+6}", int64(5), int64(0))
	f.Add("\xff}{", int64(-1), int64(1<<40))
	f.Fuzz(func(t *testing.T, source string, seq, second int64) {
		p, err := pattern.Parse(source)
		if err != nil {
			if p != nil || !strings.Contains(err.Error(), fmt.Sprintf("%q", source)) {
				t.Errorf("got %v, %v, want nothing and an error with the pattern", p, err)
			}
			return
		}
		if p.String() != source {
			t.Errorf("String: got %q, want %q", p.String(), source)
		}
		local := time.Unix(second, 0).UTC()
		number, err := render(p, local, seq)
		if err != nil {
			if number != "" || !errors.Is(err, pattern.ErrExhausted) {
				t.Errorf("got %q, %v, want ErrExhausted", number, err)
			}
			return
		}
		if again, err := render(p, local, seq); again != number || err != nil {
			t.Errorf("rendered again: got %q, %v, want %q", again, err, number)
		}
		if next, err := render(p, local, seq+1); err == nil && (next == number || len(next) != len(number)) {
			t.Errorf("%d makes %q, the next %q", seq, number, next)
		}
	})
}

// Not parallel: allocations of other tests would count.
func TestRenderAllocatesTheNumberOnly(t *testing.T) {
	p := parse(t, "TST-{YYYY}{MM}{DD}-{GGGG}W{WW}-{PART}{SEQ:6}{RANDOM:4}{SERIAL_RANDOM:6}{CHECK:luhn36}")
	permutation, err := pattern.NewPermutation(make([]byte, 32), nil, p.Permuted())
	if err != nil {
		t.Fatal(err)
	}
	v := &pattern.Values{Local: date(2026, 3, 2), Part: "P", Random: func(b []byte) { clear(b) }, Permutation: permutation}
	if got := testing.AllocsPerRun(100, func() {
		if _, err := p.Render(v); err != nil {
			t.Fatal(err)
		}
		v.Seq++
	}); got > 1 {
		t.Errorf("got %v allocations, want 1", got)
	}
}

func BenchmarkRender(b *testing.B) {
	for name, source := range map[string]string{
		"sequence": "TST-{YYYY}{MM}{DD}-{SEQ:6}", "check": "TST-{YYYY}{MM}{DD}-{SEQ:6}{CHECK:iso7064-37-36}",
		"random": "TST-{RANDOM:8}{SEQ:6}", "permuted": "TST-{SERIAL_RANDOM:6}",
	} {
		b.Run(name, func(b *testing.B) {
			p := parse(b, source)
			v := &pattern.Values{Local: date(2026, 3, 2), Random: func(b []byte) { _, _ = rand.Read(b) }}
			if size := p.Permuted(); size > 0 {
				var err error
				if v.Permutation, err = pattern.NewPermutation(make([]byte, 32), nil, size); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := p.Render(v); err != nil {
					b.Fatal(err)
				}
				v.Seq = (v.Seq + 1) % 1_000_000
			}
		})
	}
}
