package pattern_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/machshop/seriald/pattern"
)

func TestMatches(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		source, number string
		want           bool
	}{
		"its number":                        {"TST-{SEQ:3}", "TST-001", true},
		"one beyond":                        {"TST-{SEQ:3}", "TST-1000", false},
		"one that is short":                 {"TST-{SEQ:3}", "TST-01", false},
		"one with more in front":            {"TST-{SEQ:3}", "XTST-001", false},
		"nothing":                           {"{SEQ:1}", "", false},
		"another case":                      {"TST-{SEQ:3}", "tst-001", false},
		"a letter among digits":             {"TST-{SEQ:3}", "TST-0A1", false},
		"a letter of base 16":               {"{SEQ:3:16}", "0AF", true},
		"a letter beyond base 16":           {"{SEQ:3:16}", "0AG", false},
		"a letter that Crockford leaves":    {"{SEQ:3:32}", "0AI", false},
		"permuted, in base 36":              {"{SERIAL_RANDOM:3:36}", "0Z9", true},
		"random":                            {"{RANDOM:alpha:2}-{SEQ:1}", "AZ-1", true},
		"random, with a digit":              {"{RANDOM:alpha:2}-{SEQ:1}", "A1-1", false},
		"a date":                            {"{YYYY}{MM}{DD}-{SEQ:1}", "20260331-1", true},
		"the last day of the year":          {"{YYYY}{MM}{DD}-{SEQ:1}", "99991231-1", true},
		"a month 0":                         {"{YYYY}{MM}{DD}-{SEQ:1}", "20260031-1", false},
		"a month that none is":              {"{YYYY}{MM}{DD}-{SEQ:1}", "20261331-1", false},
		"a day that none is":                {"{YYYY}{MM}{DD}-{SEQ:1}", "20260332-1", false},
		"a day that this month has not":     {"{YYYY}{MM}{DD}-{SEQ:1}", "20260231-1", true}, // it does not know the calendar
		"the last day of a leap year":       {"{DDD}-{SEQ:1}", "366-1", true},
		"a day after it":                    {"{DDD}-{SEQ:1}", "367-1", false},
		"a week":                            {"{GGGG}W{WW}-{SEQ:1}", "2026W53-1", true},
		"a week that none is":               {"{GGGG}W{WW}-{SEQ:1}", "2026W54-1", false},
		"an hour":                           {"{HH}{SEQ:1}", "231", true},
		"an hour that none is":              {"{HH}{SEQ:1}", "241", false},
		"codes of year and month":           {"{Y1}{M1}{SEQ:1}", "UN1", true},
		"a year code that none is":          {"{Y1}{M1}{SEQ:1}", "IN1", false},
		"a month code that none is":         {"{Y1}{M1}{SEQ:1}", "UX1", false},
		"braces":                            {"{{{SEQ:1}}}", "{1}", true},
		"UTF-8":                             {"Wü{SEQ:1}", "Wü1", true},
		"half of a letter":                  {"Wü{SEQ:1}", "W\xc31", false},
		"its check":                         {"{SEQ:3}{CHECK:luhn}", "0018", true},
		"another check":                     {"{SEQ:3}{CHECK:luhn}", "0010", true}, // it does not calculate
		"no check":                          {"{SEQ:3}{CHECK:luhn}", "001", false},
		"a check that is no character":      {"{SEQ:3}{CHECK:luhn}", "001A", false},
		"a site":                            {"{SITE}-{SEQ:2}", "plant_1-01", true},
		"a site with the text behind it":    {"{SITE}-{SEQ:2}", "a-01-02", true},
		"a site that none is":               {"{SITE}-{SEQ:2}", "plant/1-01", false},
		"no site":                           {"{SITE}-{SEQ:2}", "-01", false},
		"a lot of any character":            {"{LOT}-{SEQ:2}", "L 1/ä-01", true},
		"a lot with a control character":    {"{LOT}-{SEQ:2}", "L\t1-01", false},
		"two texts that are not told apart": {"{PART}{LOT}{SEQ:1}", "AB1", true},
		"too little for two texts":          {"{PART}{LOT}{SEQ:1}", "A1", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := parse(t, tc.source).Matches(tc.number); got != tc.want {
				t.Errorf("%s may make %q: got %t, want %t", tc.source, tc.number, got, tc.want)
			}
		})
	}
}

// everyToken draws patterns of all tokens.
func everyToken() *rapid.Generator[string] {
	tokens := rapid.SampledFrom([]string{
		"A", "ü", "{{", "-", "{YYYY}", "{YY}", "{Y1}", "{MM}", "{M1}", "{DD}", "{DDD}", "{WW}", "{GGGG}", "{HH}", "{SEQ:2}", "{SEQ:3:16}", "{SEQ:2:32}",
		"{SEQ:2:36}", "{RANDOM:2}", "{RANDOM:numeric:3}", "{RANDOM:alpha:2}", "{RANDOM:hex:2}", "{SITE}", "{PART}", "{LINE}", "{WO}", "{LOT}", "{OP}",
	})
	return rapid.Custom(func(t *rapid.T) string {
		counter := rapid.SampledFrom([]string{"{SEQ:4}", "{SERIAL_RANDOM:3}", "{SERIAL_RANDOM:2:36}"}).Draw(t, "counter")
		check := rapid.SampledFrom([]string{"", "1{CHECK:luhn}", "{CHECK:iso7064-37-36}", "1{CHECK:iso7064-97-10}", "1{CHECK:iso7064-11-2}"}).Draw(t, "check")
		return strings.Join(rapid.SliceOfN(tokens, 0, 5).Draw(t, "tokens"), "") + counter + check
	})
}

// preview returns some numbers of a pattern.
func preview(t *rapid.T, p *pattern.Pattern) []string {
	token, text := rapid.StringMatching(`[A-Za-z0-9_-]{1,6}`), rapid.StringMatching(`[ -~é]{1,6}`)
	seed := rapid.Byte().Draw(t, "random")
	v := &pattern.Values{
		Local: days().Draw(t, "day").Add(time.Duration(rapid.IntRange(0, 23).Draw(t, "hour")) * time.Hour),
		Site:  token.Draw(t, "site"), Line: token.Draw(t, "line"), Part: text.Draw(t, "part"),
		WorkOrder: text.Draw(t, "work order"), Lot: text.Draw(t, "lot"), Operation: text.Draw(t, "operation"),
		Random: func(b []byte) {
			for i := range b {
				seed += 37
				b[i] = seed
			}
		},
	}
	numbers, err := p.Preview(v, rapid.Int64Range(0, 90).Draw(t, "start"), 3, 3)
	if err != nil {
		t.Fatalf("%s: %v", p, err)
	}
	return numbers
}

// What a pattern makes matches it: whoever is told no may rely on it.
func TestEveryNumberMatchesItsPattern(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		p := parse(t, everyToken().Draw(rt, "pattern"))
		for _, number := range preview(rt, p) {
			if !p.Matches(number) {
				rt.Fatalf("%s made %q, which does not match", p, number)
			}
		}
	})
}

// A pattern without texts of the event has numbers of one length only, and what is in
// a place that has one character can't be another.
func TestChangedNumbersDoNotMatch(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		source := "A" + strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"B", "-", "{YYYY}", "{MM}", "{Y1}", "{SEQ:2}", "{RANDOM:hex:2}"}), 0, 4).Draw(rt, "tokens"), "") + "{SEQ:3}"
		p := parse(t, source)
		for _, number := range preview(rt, p) {
			at := rapid.IntRange(0, len(number)-1).Draw(rt, "at")
			for name, changed := range map[string]string{
				"longer": number[:at] + number[at:at+1] + number[at:], "shorter": number[:at] + number[at+1:],
				"with a character that is in none": number[:at] + "%" + number[at+1:], "with another beginning": "Z" + number[1:],
			} {
				if p.Matches(changed) {
					rt.Fatalf("%s makes %q, and %s, %q, matches", p, number, name, changed)
				}
			}
		}
	})
}

// Matches and Overlap look at the same language: what a pattern of nothing but a number
// overlaps with is what matches it.
func TestMatchesAgreesWithOverlap(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		p := parse(t, everyToken().Draw(rt, "pattern"))
		number := rapid.SampledFrom(append(preview(rt, p), "A1", "2026", "0001")).Draw(rt, "number")
		if rapid.Bool().Draw(rt, "changed") {
			at := rapid.IntRange(0, len(number)-1).Draw(rt, "at")
			number = number[:at] + rapid.SampledFrom([]string{"", "0", "A", "Z9", "-"}).Draw(rt, "with") + number[at+1:]
		}
		// Of ten numbers that differ in the last digit, one has to match if one may be both's.
		stem := number[:max(0, len(number)-1)]
		literal := parse(t, strings.NewReplacer("{", "{{", "}", "}}").Replace(strings.ToValidUTF8(stem, "?"))+"{SEQ:1}")
		stem = strings.ToValidUTF8(stem, "?")
		var ten []string
		for digit := range 10 {
			ten = append(ten, fmt.Sprint(stem, digit))
		}
		_, overlap := pattern.Overlap(p, literal, false)
		if matches := slices.ContainsFunc(ten, p.Matches); matches != overlap {
			rt.Fatalf("%s and %s overlap: %t, and one of %v matches: %t", p, literal, overlap, ten, matches)
		}
	})
}
