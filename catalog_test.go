package seriald_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/machshop/seriald"
)

func location(tb testing.TB, name string) *time.Location {
	tb.Helper()
	l, err := time.LoadLocation(name)
	if err != nil {
		tb.Fatalf("these tests need the time zone database: %v", err)
	}
	return l
}

func TestResetPeriod(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		reset   seriald.Reset
		zone    string
		instant string
		want    string
	}{
		"never":                     {seriald.ResetNever, "UTC", "2026-03-01T00:00:00Z", ""},
		"a reset that is not known": {"hourly", "UTC", "2026-03-01T00:00:00Z", ""},

		"daily, Berlin, before a day of 23 hours": {seriald.ResetDaily, "Europe/Berlin", "2026-03-28T22:59:59Z", "2026-03-28"},
		"daily, Berlin, its first instant":        {seriald.ResetDaily, "Europe/Berlin", "2026-03-28T23:00:00Z", "2026-03-29"},
		"daily, Berlin, its last instant":         {seriald.ResetDaily, "Europe/Berlin", "2026-03-29T21:59:59Z", "2026-03-29"},
		"daily, Berlin, the day after":            {seriald.ResetDaily, "Europe/Berlin", "2026-03-29T22:00:00Z", "2026-03-30"},
		"daily, Berlin, the hour that comes once": {seriald.ResetDaily, "Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-25"},
		"daily, Berlin, and again":                {seriald.ResetDaily, "Europe/Berlin", "2026-10-25T01:30:00Z", "2026-10-25"},
		"daily, Berlin, end of a day of 25 hours": {seriald.ResetDaily, "Europe/Berlin", "2026-10-25T22:59:59Z", "2026-10-25"},
		"daily, Berlin, after it":                 {seriald.ResetDaily, "Europe/Berlin", "2026-10-25T23:00:00Z", "2026-10-26"},
		"daily, a day without midnight, before":   {seriald.ResetDaily, "America/Sao_Paulo", "2018-11-04T02:59:59Z", "2018-11-03"},
		"daily, a day without midnight":           {seriald.ResetDaily, "America/Sao_Paulo", "2018-11-04T03:00:00Z", "2018-11-04"},
		"daily, before the day Samoa left out":    {seriald.ResetDaily, "Pacific/Apia", "2011-12-30T09:59:59Z", "2011-12-29"},
		"daily, after the day Samoa left out":     {seriald.ResetDaily, "Pacific/Apia", "2011-12-30T10:00:00Z", "2011-12-31"},
		// The clock went back over midnight: the period comes again, with its counter.
		"daily, Newfoundland, one minute of Sunday": {seriald.ResetDaily, "America/St_Johns", "2010-11-07T02:30:30Z", "2010-11-07"},
		"daily, Newfoundland, Saturday again":       {seriald.ResetDaily, "America/St_Johns", "2010-11-07T02:31:00Z", "2010-11-06"},
		"daily, at the date line":                   {seriald.ResetDaily, "Pacific/Kiritimati", "2026-02-28T10:00:00Z", "2026-03-01"},

		"monthly, New York, before":         {seriald.ResetMonthly, "America/New_York", "2026-03-01T04:59:59Z", "2026-02"},
		"monthly, New York, after":          {seriald.ResetMonthly, "America/New_York", "2026-03-01T05:00:00Z", "2026-03"},
		"monthly, New York, summer, before": {seriald.ResetMonthly, "America/New_York", "2026-04-01T03:59:59Z", "2026-03"},
		"monthly, New York, summer, after":  {seriald.ResetMonthly, "America/New_York", "2026-04-01T04:00:00Z", "2026-04"},
		"monthly, at leap day":              {seriald.ResetMonthly, "Asia/Tokyo", "2028-02-29T14:59:59Z", "2028-02"},
		"monthly, after leap day":           {seriald.ResetMonthly, "Asia/Tokyo", "2028-02-29T15:00:00Z", "2028-03"},

		"yearly, Kolkata, before": {seriald.ResetYearly, "Asia/Kolkata", "2026-12-31T18:29:59Z", "2026"},
		"yearly, Kolkata, after":  {seriald.ResetYearly, "Asia/Kolkata", "2026-12-31T18:30:00Z", "2027"},

		"weekly, a Sunday":                        {seriald.ResetWeekly, "UTC", "2026-03-01T23:59:59Z", "2026-W09"},
		"weekly, the Monday after":                {seriald.ResetWeekly, "UTC", "2026-03-02T00:00:00Z", "2026-W10"},
		"weekly, December of the next ISO year":   {seriald.ResetWeekly, "UTC", "2025-12-29T00:00:00Z", "2026-W01"},
		"weekly, the day before":                  {seriald.ResetWeekly, "UTC", "2025-12-28T23:59:59Z", "2025-W52"},
		"weekly, January of the last ISO year":    {seriald.ResetWeekly, "UTC", "2027-01-03T23:59:59Z", "2026-W53"},
		"weekly, the year's first Monday":         {seriald.ResetWeekly, "UTC", "2027-01-04T00:00:00Z", "2027-W01"},
		"weekly, Auckland is a week ahead":        {seriald.ResetWeekly, "Pacific/Auckland", "2027-01-03T11:00:00Z", "2027-W01"},
		"weekly, Los Angeles, in Sunday's summer": {seriald.ResetWeekly, "America/Los_Angeles", "2026-03-09T06:59:59Z", "2026-W10"},
		"weekly, Los Angeles, Monday":             {seriald.ResetWeekly, "America/Los_Angeles", "2026-03-09T07:00:00Z", "2026-W11"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			instant, err := time.Parse(time.RFC3339, tc.instant)
			if err != nil {
				t.Fatal(err)
			}
			local := instant.In(location(t, tc.zone))
			if got := tc.reset.Period(local); got != tc.want {
				t.Errorf("%s: got %q, want %q", local, got, tc.want)
			}
		})
	}
}

// Two instants share a period exactly if they share the part of the calendar
// that the reset names.
func TestResetPeriodIsTheCalendars(t *testing.T) {
	t.Parallel()
	zones := make([]*time.Location, 0, 5)
	for _, name := range []string{"UTC", "Europe/Berlin", "America/St_Johns", "Pacific/Apia", "Asia/Kathmandu"} {
		zones = append(zones, location(t, name))
	}
	rapid.Check(t, func(t *rapid.T) {
		zone := rapid.SampledFrom(zones).Draw(t, "zone")
		x := time.Unix(rapid.Int64Range(0, 4_000_000_000).Draw(t, "x"), 0).In(zone)
		y := x.Add(time.Duration(rapid.Int64Range(-40*24*3600, 40*24*3600).Draw(t, "seconds to y")) * time.Second)
		type key [2]int
		for reset, calendar := range map[seriald.Reset]func(time.Time) key{
			seriald.ResetNever:   func(time.Time) key { return key{} },
			seriald.ResetYearly:  func(at time.Time) key { return key{at.Year()} },
			seriald.ResetMonthly: func(at time.Time) key { return key{at.Year(), int(at.Month())} },
			seriald.ResetWeekly:  func(at time.Time) key { year, week := at.ISOWeek(); return key{year, week} },
			seriald.ResetDaily:   func(at time.Time) key { return key{at.Year(), at.YearDay()} },
		} {
			same := reset.Period(x) == reset.Period(y)
			if want := calendar(x) == calendar(y); same != want {
				t.Fatalf("%s: %s is in %q, %s in %q; want the same: %t", reset, x, reset.Period(x), y, reset.Period(y), want)
			}
		}
	})
}

func TestCounterScopeKey(t *testing.T) {
	t.Parallel()
	for scope, want := range map[seriald.CounterScope]string{
		seriald.CounterPerFormat:   "",
		seriald.CounterPerSite:     "plant1",
		seriald.CounterPerPart:     "A/1",
		seriald.CounterPerSitePart: "plant1/A/1",
		"":                         "",
	} {
		if got := scope.Key("plant1", "A/1"); got != want {
			t.Errorf("%q: got %q, want %q", scope, got, want)
		}
	}
}

// A site has no slash in its name, so that a counter of a site and a part is
// never another pair's.
func TestCounterOfSiteAndPartIsNobodyElses(t *testing.T) {
	t.Parallel()
	parts := rapid.StringOf(rapid.SampledFrom([]rune("/-_aB1é ")))
	rapid.Check(t, func(t *rapid.T) {
		sites := rapid.OneOf(tokens(), rapid.StringMatching(`[aB1_-]{1,3}`))
		site1, site2 := sites.Draw(t, "site 1"), sites.Draw(t, "site 2")
		part1, part2 := parts.Draw(t, "part 1"), parts.Draw(t, "part 2")
		same := seriald.CounterPerSitePart.Key(site1, part1) == seriald.CounterPerSitePart.Key(site2, part2)
		if same != (site1 == site2 && part1 == part2) {
			t.Fatalf("%q of %q and %q of %q share a counter: %t", part1, site1, part2, site2, same)
		}
	})
}
