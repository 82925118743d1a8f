package processors

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/store"
)

// withFormat is the catalog with a format more.
func withFormat(t *testing.T, source string) *catalog {
	t.Helper()
	c := testCatalog(t).Catalog
	c.Formats["own"] = &seriald.Format{
		ID: "own", Active: true, Version: 1, Pattern: source, Start: 1, Increment: 1, Reset: seriald.ResetDaily, CounterScope: seriald.CounterPerSitePart,
		Key: []byte(strings.Repeat("k", 32)),
	}
	compiled, _ := compile(c) // "broken" is meant to be
	if compiled.patterns["own"] == nil {
		t.Fatalf("pattern %q does not parse", source)
	}
	return compiled
}

// What a number is made of comes from the event, its origin and the site's time.
func TestNumbersOfEveryToken(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ source, fields, want string }{
		"texts":         {"{SITE}/{PART}/{LINE}/{WO}/{LOT}/{OP}/{SEQ:2}", `,"workOrderId":"WO1","lotNumber":"L2","operationCode":"OP3"`, "plant1/PLAIN/line1/WO1/L2/OP3/01"},
		"dates":         {"{YYYY}{Y1}{M1}{HH}-{SEQ:2}", "", "2026U322-01"},
		"a check":       {"P{SEQ:3}{CHECK:luhn}", "", "P0018"},
		"random":        {"R{RANDOM:4}{SEQ:1}", "", "R00001"}, // the test's source has zeros only
		"a bigger base": {"{SEQ:2:36}", "", "01"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			st := newState(withFormat(t, tc.source))
			d := decideOne(t, newItem(seriald.TypeSerialGenerate, `{"partId":"PLAIN","formatConfigId":"own"`+tc.fields+`}`), st).numbered(t, st)
			if diff := cmp.Diff([]string{tc.want}, numbers(d)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A number that can't be made is a refusal that names what is missing, before a
// counter is used.
func TestNumbersThatCannotBeMade(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		source, part, fields string
		code                 seriald.Code
		field, text          string
		late                 bool // only when the number is made
	}{
		"no work order":   {"{WO}{SEQ:2}", "PLAIN", "", seriald.CodeValidation, "workOrderId", "the pattern of format own has {WO}", false},
		"no lot":          {"{LOT}{SEQ:2}", "PLAIN", "", seriald.CodeValidation, "lotNumber", "{LOT}", false},
		"no operation":    {"{OP}{SEQ:2}", "PLAIN", "", seriald.CodeValidation, "operationCode", "{OP}", false},
		"too long":        {"{WO}{LOT}{SEQ:2}", "PLAIN", `,"workOrderId":"` + strings.Repeat("W", 150) + `","lotNumber":"` + strings.Repeat("L", 150) + `"`, seriald.CodeFormatMismatch, "formatConfigId", "makes a number of 302 bytes", true},
		"a control code":  {"{LOT}{SEQ:2}", "PLAIN", `,"lotNumber":"a\tb"`, seriald.CodeFormatMismatch, "formatConfigId", "with a control character", true},
		"GS1, too long":   {"{LOT}{SEQ:2}", "MADE", `,"lotNumber":"1234567890123456789"`, seriald.CodeFormatMismatch, "formatConfigId", "no serial number of a part with a GTIN: (21): has 21 characters", true},
		"GS1, a space":    {"{LOT}{SEQ:2}", "MADE", `,"lotNumber":"A B"`, seriald.CodeFormatMismatch, "formatConfigId", "(21): ' ' is not in GS1", true},
		"nothing checked": {"{LOT}{CHECK:luhn}{SEQ:2}", "PLAIN", `,"lotNumber":"ABC"`, seriald.CodeFormatMismatch, "formatConfigId", "covers digits, and there are none", true},
		"used up":         {"{SEQ:1}", "PLAIN", `,"quantity":10`, seriald.CodeSequenceExhausted, "formatConfigId", "value 10 needs more than the 1 characters", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			st := newState(withFormat(t, tc.source))
			d := decideOne(t, newItem(seriald.TypeSerialGenerate, `{"partId":"`+tc.part+`","formatConfigId":"own"`+tc.fields+`}`), st)
			if tc.late {
				if d.outcome.Status != seriald.StatusAccepted {
					t.Fatalf("refused before its number is made: %+v", d.outcome)
				}
				err := d.runs[0].number(0)
				if err == nil {
					t.Fatalf("made %v", d.serials[0].Number)
				}
				d.refuse(st, asRejection(err))
			}
			if d.outcome.Code != tc.code || d.outcome.Field != tc.field || !strings.Contains(d.outcome.Message, tc.text) {
				t.Errorf("got %+v, want %s of %s with %s", d.outcome, tc.code, tc.field, tc.text)
			}
			if len(d.runs) > 0 || len(d.serials) > 0 {
				t.Errorf("left: %d runs, %d serials", len(d.runs), len(d.serials))
			}
		})
	}
}

// {SERIAL_RANDOM:n} makes each number once, and others for another day, site or key.
func TestPermutedNumbers(t *testing.T) {
	t.Parallel()
	all := func(key string) []string {
		c := withFormat(t, "{SERIAL_RANDOM:2}")
		c.Formats["own"].Key, c.Formats["own"].Start = []byte(strings.Repeat(key, 32)), 0
		st := newState(c)
		return numbers(decideOne(t, newItem(seriald.TypeSerialGenerate, `{"partId":"PLAIN","formatConfigId":"own","quantity":100}`), st).numbered(t, st))
	}
	one := all("k")
	seen := map[string]bool{}
	for _, n := range one {
		seen[n] = true
	}
	if len(seen) != 100 {
		t.Errorf("%d different numbers of 100", len(seen))
	}
	if cmp.Equal(one, all("l")) {
		t.Error("another key makes the same numbers")
	}
	if !cmp.Equal(one, all("k")) {
		t.Error("the same key makes others")
	}
}

// A counter that comes to its end is counted, and no more when it begins again.
func TestNearlyExhaustedCounters(t *testing.T) {
	t.Parallel()
	m := newMetrics(prometheus.NewRegistry())
	st := newState(withFormat(t, "{SEQ:2}"))
	r := decideOne(t, newItem(seriald.TypeSerialGenerate, `{"partId":"PLAIN","formatConfigId":"own"}`), st).runs[0]
	for _, tc := range []struct {
		taken int64
		want  float64
	}{{79, 0}, {80, 1}, {99, 1}, {200, 1}, {1, 0}} {
		m.counter(r, tc.taken)
		if got := metricOf(t, m.nearlyUsed).GetGauge().GetValue(); got != tc.want {
			t.Errorf("%d of 99 taken: %v, want %v", tc.taken, got, tc.want)
		}
	}
}

// A counter begins anew at the site's own midnight, also where that comes twice:
// in 2010 St. John's put its clocks back at one minute past midnight, into the day
// before. No number is made twice, and none has another day's date.
func TestCountersBeginAtTheSitesMidnight(t *testing.T) {
	t.Parallel()
	for _, zone := range []string{"UTC", "Pacific/Kiritimati", "America/St_Johns"} {
		location, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatalf("these tests need the time zone database: %v", err)
		}
		for reset, source := range map[seriald.Reset]string{
			seriald.ResetDaily: "{YYYY}{MM}{DD}-{SEQ:6}", seriald.ResetWeekly: "{GGGG}W{WW}-{SEQ:6}",
			seriald.ResetMonthly: "{YYYY}{MM}-{SEQ:6}", seriald.ResetYearly: "{YYYY}-{SEQ:6}",
		} {
			t.Run(zone+" "+string(reset), func(t *testing.T) {
				t.Parallel()
				c := withFormat(t, source)
				c.Formats["own"].Reset = reset
				c.Sites["plant1"].Location = location
				st := newState(c)
				taken, seen := map[store.Counter]int64{}, map[string]bool{}
				// Around the change of 2010 minute by minute, then the year after hour by hour.
				step := time.Minute
				begin := time.Date(2010, 11, 6, 20, 0, 0, 0, location)
				for now := begin; now.Before(begin.AddDate(1, 2, 0)); now = now.Add(step) {
					if now.Sub(begin) > 12*time.Hour {
						step = time.Hour
					}
					st.now = now.UTC()
					d := decideOne(t, newItem(seriald.TypeSerialGenerate, `{"partId":"PLAIN","formatConfigId":"own"}`), st)
					r := d.runs[0]
					if rejection := r.number(taken[r.counter]); rejection != nil {
						t.Fatal(rejection)
					}
					taken[r.counter]++
					number := d.serials[0].Number
					if seen[number] {
						t.Fatalf("%s: %s was made before", now, number)
					}
					seen[number] = true
					local := now.In(location)
					year, week := local.ISOWeek()
					want := map[seriald.Reset]string{
						seriald.ResetDaily: local.Format("20060102-"), seriald.ResetWeekly: fmt.Sprintf("%dW%02d-", year, week),
						seriald.ResetMonthly: local.Format("200601-"), seriald.ResetYearly: local.Format("2006-"),
					}[reset]
					if !strings.HasPrefix(number, want) {
						t.Fatalf("%s: %s, want %s", local, number, want)
					}
				}
				// One counter for each day, week, month or year, and no more.
				least := map[seriald.Reset]int{seriald.ResetDaily: 426, seriald.ResetWeekly: 62, seriald.ResetMonthly: 15, seriald.ResetYearly: 3}[reset]
				if len(taken) < least || len(taken) > least+1 {
					t.Errorf("%d counters, want %d", len(taken), least)
				}
			})
		}
	}
}
