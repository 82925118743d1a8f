package pattern_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/machshop/seriald/pattern"
)

// usual is a counter from 1 that never starts again.
var usual = pattern.Use{Start: 1, Increment: 1, Year: 2026}

// periods are those of the resets.
var periods = map[string]func(time.Time) string{
	"year":  func(at time.Time) string { return at.Format("2006") },
	"month": func(at time.Time) string { return at.Format("2006-01") },
	"week":  func(at time.Time) string { y, w := at.ISOWeek(); return fmt.Sprint(y, w) },
	"day":   func(at time.Time) string { return at.Format("2006-01-02") },
}

func TestProve(t *testing.T) {
	t.Parallel()
	with := func(change func(*pattern.Use)) pattern.Use {
		u := usual
		change(&u)
		return u
	}
	every := func(unit string) pattern.Use {
		return with(func(u *pattern.Use) { u.Unit, u.Period = unit, periods[unit] })
	}
	bySite := with(func(u *pattern.Use) { u.BySite, u.AcrossSites = true, true })
	byPart := with(func(u *pattern.Use) { u.ByPart, u.AcrossParts = true, true })
	gs1 := with(func(u *pattern.Use) { u.GS1 = true })
	for name, tc := range map[string]struct {
		source   string
		use      pattern.Use
		problem  string // "" if there is none
		position int
		warning  string
	}{
		"a sequence":                     {"{SEQ:6}", usual, "", 0, ""},
		"the demo plant's":               {"TST-{YYYY}{MM}{DD}-{SEQ:6}", every("day"), "", 0, ""},
		"daily by the day of the year":   {"{YYYY}{DDD}{SEQ:6}", every("day"), "", 0, ""},
		"daily without a day":            {"{YYYY}{MM}-{SEQ:6}", every("day"), "starts again each day, and the dates in the number are the same on 2026-01-01 and on 2026-01-02: numbers would repeat; write {YYYY}{MM}{DD}", 0, ""},
		"daily by the week":              {"{GGGG}W{WW}{SEQ:6}", every("day"), "are the same on 2026-01-01 and on 2026-01-02", 0, ""},
		"daily without a year":           {"{MM}{DD}-{SEQ:6}", every("day"), "on 2026-01-01 and on 2027-01-01", 0, ""},
		"monthly":                        {"{YYYY}{MM}{SEQ:6}", every("month"), "", 0, ""},
		"monthly in two characters":      {"{Y1}{M1}{SEQ:6}", every("month"), "", 0, "come again after 20 years, on 2026-01-31 and on 2046-01-01: write {YYYY}"},
		"monthly by the day of the year": {"{YYYY}{DDD}{SEQ:6}", every("month"), "", 0, ""},
		"monthly without a month":        {"{YYYY}{SEQ:6}", every("month"), "each month", 0, ""},
		"yearly":                         {"SN{YY}-{SEQ:8}", every("year"), "", 0, "come again after 100 years"},
		"yearly by the year of the week": {"{GGGG}-{SEQ:8}", every("year"), "write {YYYY}", 0, ""},
		"weekly":                         {"{GGGG}W{WW}-{SEQ:5}", every("week"), "", 0, ""},
		"weekly by the year":             {"{YYYY}W{WW}-{SEQ:5}", every("week"), "the year of the week", 0, ""},
		"weekly by the day":              {"{YYYY}{MM}{DD}-{SEQ:5}", every("week"), "", 0, ""},
		"a reset without a counter":      {"{RANDOM:12}", every("day"), "", 0, ""},

		"a start with no room":  {"{SEQ:3}", with(func(u *pattern.Use) { u.Start = 1000 }), "{SEQ:3} has no room for the counter's start, 1000: it ends at 999", 1, ""},
		"a start below zero":    {"{SEQ:6}", with(func(u *pattern.Use) { u.Start = -1 }), "must not start below 0", 0, ""},
		"an increment of none":  {"{SEQ:6}", with(func(u *pattern.Use) { u.Increment = 0 }), "increment must be 1 or more", 0, ""},
		"little room":           {"A{SEQ:2}", usual, "", 2, "{SEQ:2} has room for 99 numbers, and then no more"},
		"little room a day":     {"{YYYY}{MM}{DD}{SEQ:2}", every("day"), "", 15, "99 numbers a day"},
		"two permutations":      {"{SERIAL_RANDOM:4}{SERIAL_RANDOM:5}", usual, "of another size", 18, ""},
		"few random characters": {"{RANDOM:numeric:4}", usual, "", 1, "10000 possibilities: after some 100 numbers"},

		"a counter for each site":                {"{SITE}-{SEQ:6}", bySite, "", 0, ""},
		"a counter for each site, not shown":     {"{SEQ:6}", bySite, "each of the sites has a counter of its own, and numbers must be unique among all: add {SITE}", 0, ""},
		"a counter for each part":                {"{PART}{SEQ:6}", byPart, "", 0, ""},
		"a counter for each part, not shown":     {"{SEQ:6}", byPart, "add {PART}", 0, ""},
		"a part beside a lot":                    {"{PART}{LOT}{SEQ:6}", byPart, "two parts may make the same number", 1, ""},
		"a part beside a lot, with a hyphen":     {"{PART}-{LOT}-{SEQ:6}", byPart, "can't be told from what stands beside it", 1, ""},
		"a site in front of a part, with a /":    {"{SITE}/{PART}/{SEQ:6}", bySite, "", 0, ""},
		"a site in front of a part, with a dash": {"{SITE}-{PART}-{SEQ:6}", bySite, "with a character behind it that it can't have", 1, ""},

		"AI (21)":                    {"{YYYY}{MM}{DD}{SEQ:12}", gs1, "", 0, ""},
		"AI (21), too long":          {"{YYYY}{MM}{DD}{SEQ:13}", gs1, "numbers can have 21 characters, and AI (21) has room for 20: the part has a GTIN", 0, ""},
		"AI (21), a space":           {"A {SEQ:6}", gs1, "' ' is not in GS1's character set 82", 2, ""},
		"AI (21), an umlaut":         {"Ä{SEQ:6}", gs1, "'Ä' is not in GS1's character set 82", 1, ""},
		"AI (21), a known part":      {"{PART}{SEQ:6}", with(func(u *pattern.Use) { u.GS1, u.Longest = true, map[string]int{"PART": 8} }), "", 1, "{PART} may bring characters that AI (21) can't have"},
		"a label with room":          {"{SEQ:6}", with(func(u *pattern.Use) { u.MaxLength = 6 }), "", 0, ""},
		"a label without":            {"A{SEQ:6}", with(func(u *pattern.Use) { u.MaxLength = 6 }), "numbers can have 7 characters, and there is room for 6", 0, ""},
		"a label and a long text":    {"{WO}-{SEQ:6}", with(func(u *pattern.Use) { u.MaxLength = 200 }), "", 0, "numbers can have 207 characters, and there is room for 200; one that is longer is refused"},
		"a label and any text":       {"{WO}-{SEQ:6}", with(func(u *pattern.Use) { u.MaxLength = 7 }), "numbers can have 207 characters, and there is room for 7", 0, ""},
		"a label and a known text":   {"{SITE}-{SEQ:6}", with(func(u *pattern.Use) { u.MaxLength, u.Longest = 12, map[string]int{"SITE": 6} }), "numbers can have 13 characters", 0, ""},
		"a label and a line":         {"{LINE}-{SEQ:6}", with(func(u *pattern.Use) { u.MaxLength, u.Longest = 12, map[string]int{"LINE": 64} }), "", 0, "numbers can have 71 characters"},
		"AI (21), a lot":             {"{SEQ:6}{LOT}", gs1, "", 0, "numbers can have 206 characters, and AI (21) has room for 20: the part has a GTIN; one that is longer is refused"},
		"a control character":        {"A\t{SEQ:6}", usual, `'\t' is no character of a number`, 2, ""},
		"a space at the edge":        {" A{SEQ:6}", usual, "", 1, "a space at the edge"},
		"a check of digits":          {"{SEQ:6}{CHECK:luhn}", usual, "", 0, ""},
		"a check that skips letters": {"PROD-{SEQ:6}-{CHECK:luhn}", usual, "", 14, `luhn does not cover "PROD-": errors there are not found; luhn36`},
		"a check that covers them":   {"PROD-{SEQ:6}-{CHECK:iso7064-37-36}", usual, "", 0, ""},
		"a check in the middle":      {"{SEQ:6}{CHECK:luhn}{YY}", usual, "", 8, "does not cover what stands behind it"},
		"a check of nothing":         {"ABC{CHECK:luhn}{SEQ:6}", usual, "luhn has no character before it that it covers", 4, ""},
		"a check of what may come":   {"{LOT}{CHECK:luhn}{SEQ:6}", usual, "has no character before it", 6, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			proof := parse(t, tc.source).Prove(tc.use)
			tell := func(kind, want string, found []pattern.Problem) {
				if want == "" && len(found) > 0 && kind == "problem" {
					t.Errorf("%s: %+v, want none", kind, found)
				}
				if want != "" && (len(found) == 0 || !strings.Contains(found[0].Message, want) || found[0].Position != tc.position) {
					t.Errorf("%s: %+v, want at %d %s", kind, found, tc.position, want)
				}
			}
			tell("problem", tc.problem, proof.Problems)
			tell("warning", tc.warning, proof.Warnings)
			if tc.problem == "" && tc.warning == "" && len(proof.Warnings) > 0 {
				t.Errorf("warnings %+v, want none", proof.Warnings)
			}
		})
	}
}

func TestProofKnowsSizes(t *testing.T) {
	t.Parallel()
	proof := parse(t, "{PART}-{YYYY}{DDD}{M1}{SEQ:4:16}{CHECK:iso7064-97-10}").Prove(pattern.Use{
		Start: 10, Increment: 5, Year: 2026, Longest: map[string]int{"PART": 6},
	})
	if proof.MinLength != 16 || proof.MaxLength != 21 || proof.Values != (0xffff-10)/5+1 || proof.Space != 1 {
		t.Errorf("%+v", proof)
	}
	if proof := parse(t, "{SERIAL_RANDOM:6}{RANDOM:hex:2}").Prove(usual); proof.Space != 256e6 || proof.Values != 999_999 {
		t.Errorf("%+v", proof)
	}
}

// What is proven holds: no two days of different periods make the same dates.
func TestAProofOfPeriodsHolds(t *testing.T) {
	t.Parallel()
	tokens := []string{"{YYYY}", "{YY}", "{Y1}", "{MM}", "{M1}", "{DD}", "{DDD}", "{WW}", "{GGGG}"}
	units := []string{"year", "month", "week", "day"}
	rapid.Check(t, func(rt *rapid.T) {
		source := strings.Join(rapid.SliceOfNDistinct(rapid.SampledFrom(tokens), 1, 4, rapid.ID).Draw(rt, "tokens"), "") + "{SEQ:4}"
		use := usual
		use.Unit = rapid.SampledFrom(units).Draw(rt, "unit")
		use.Period = periods[use.Unit]
		p := parse(t, source)
		if len(p.Prove(use).Problems) > 0 {
			return
		}
		// Days within ten years, near each other or a year apart, where calendars meet.
		day := date(2026, time.January, 1).AddDate(0, 0, rapid.IntRange(0, 3285).Draw(rt, "day"))
		other := day.AddDate(rapid.IntRange(0, 1).Draw(rt, "years"), 0, rapid.IntRange(-8, 8).Draw(rt, "days"))
		one, err := render(p, day, 1)
		if err != nil {
			rt.Fatal(err)
		}
		two, err := render(p, other, 1)
		if err != nil {
			rt.Fatal(err)
		}
		if one == two && use.Period(day) != use.Period(other) {
			rt.Fatalf("%s makes %s on %s and on %s", source, one, day, other)
		}
	})
}

func TestOverlap(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		a, b   string
		fold   bool
		number string // "" if there is none
	}{
		"the same":                       {"A{SEQ:2}", "A{SEQ:2}", false, "A00"},
		"another letter":                 {"A{SEQ:2}", "B{SEQ:2}", false, ""},
		"another case":                   {"A{SEQ:2}", "a{SEQ:2}", false, ""},
		"another case, folded":           {"A{SEQ:2}", "a{SEQ:2}", true, "A00"},
		"another length":                 {"{SEQ:3}", "{SEQ:4}", false, ""},
		"one within the other":           {"TST-{SEQ:4}", "TST-202{SEQ:1}", false, "TST-2020"},
		"digits in front":                {"1{SEQ:3}", "{SEQ:4}", false, "1000"},
		"a month that none is":           {"{MM}{SEQ:2}", "13{SEQ:2}", false, ""},
		"a month that one is":            {"{MM}{SEQ:2}", "12{SEQ:2}", false, "1200"},
		"a day of the year that none is": {"{DDD}{SEQ:2}", "367{SEQ:2}", false, ""},
		"hexadecimal and digits":         {"{SEQ:4:16}", "{SEQ:4}", false, "0000"},
		"letters and digits":             {"{RANDOM:alpha:4}", "{SEQ:4}", false, ""},
		"Crockford's without I":          {"{SEQ:2:32}", "I{RANDOM:1}", false, ""},
		"a site that is a number":        {"{SITE}{SEQ:2}", "X-{SEQ:3}", false, "X-000"},
		"a site has no slash":            {"{SITE}{SEQ:2}", "X/{SEQ:3}", false, ""},
		"a part may be anything":         {"{PART}{SEQ:2}", "X/{SEQ:3}", false, "X/000"},
		"a part is something":            {"A{PART}{SEQ:2}", "A{SEQ:2}", false, ""},
		"two of any length":              {"{LOT}-{SEQ:2}", "X{WO}{SEQ:1}", false, "X-00"},
		"a year code that none is":       {"{Y1}{SEQ:2}", "I{SEQ:2}", false, ""},
		"the check of another scheme":    {"{SEQ:3}{CHECK:luhn}", "{SEQ:3}{RANDOM:alpha:1}", false, ""},
		"UTF-8":                          {"ä{SEQ:1}", "ö{SEQ:1}", false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, turn := range []string{"as given", "turned"} {
				x, y := parse(t, tc.a), parse(t, tc.b)
				if turn == "turned" {
					x, y = y, x
				}
				number, ok := pattern.Overlap(x, y, tc.fold)
				if ok != (tc.number != "") || len(number) != len(tc.number) || turn == "as given" && number != tc.number {
					t.Errorf("%s: %q, %t, want %q", turn, number, ok, tc.number)
				}
			}
		})
	}
}

// What two patterns are proven apart by holds for the numbers that they make.
func TestNumbersOfPatternsApartDiffer(t *testing.T) {
	t.Parallel()
	tokens := []string{"A", "B", "1", "{SEQ:2}", "{SEQ:1:16}", "{YY}", "{MM}", "{SITE}", "{PART}", "-"}
	source := rapid.Custom(func(rt *rapid.T) string {
		return strings.Join(rapid.SliceOfN(rapid.SampledFrom(tokens), 0, 3).Draw(rt, "tokens"), "") + "{SEQ:1}"
	})
	text := rapid.SampledFrom([]string{"A", "B", "1", "10", "A-", "-1", "12"})
	rapid.Check(t, func(rt *rapid.T) {
		a, b := parse(t, source.Draw(rt, "a")), parse(t, source.Draw(rt, "b"))
		if _, ok := pattern.Overlap(a, b, false); ok {
			return
		}
		number := func(p *pattern.Pattern) string {
			got, err := p.Render(&pattern.Values{
				Local: date(2026, time.Month(rapid.IntRange(1, 12).Draw(rt, "month")), 1), Seq: rapid.Int64Range(0, 9).Draw(rt, "value"),
				Site: text.Draw(rt, "site"), Part: text.Draw(rt, "part"),
			})
			if err != nil {
				rt.Fatal(err)
			}
			return got
		}
		if x, y := number(a), number(b); x == y {
			rt.Fatalf("%s and %s both make %s", a, b, x)
		}
	})
}
