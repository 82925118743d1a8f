package simulate

import (
	"strconv"
	"testing"
	"time"
)

func TestOutagesComeAboutAsOftenAsTheyShould(t *testing.T) {
	t.Parallel()
	const every, away, n = 10 * time.Second, 2 * time.Second, 1000
	first := map[time.Duration]int{} // by the second
	for i := range n {
		s := newScript("sim-"+strconv.Itoa(i), Config{Mix: Mix{"serial_generate": 1}})
		first[s.outage(0, every, away).after.Truncate(time.Second)]++
	}
	if len(first) != 10 {
		t.Errorf("the first outages are in %d of 10 seconds: %v", len(first), first)
	}
	for second, devices := range first {
		if devices < n/20 || devices > n/5 {
			t.Errorf("%d of %d first outages are in second %s", devices, n, second)
		}
	}
	s := newScript("sim-1", Config{Mix: Mix{"serial_generate": 1}})
	var after, gone time.Duration
	for i := 1; i <= n; i++ {
		o := s.outage(i, every, away)
		if o != s.outage(i, every, away) {
			t.Fatalf("outage %d is not the same again", i)
		}
		if o.after < (every-away)*3/4 || o.after >= (every-away)*5/4 || o.away < away/2 || o.away >= away*3/2 || o.linger < 0 || o.linger >= maxLinger {
			t.Fatalf("outage %d is %+v", i, o)
		}
		after, gone = after+o.after+o.away, gone+o.away
	}
	if mean := after / n; mean < every*97/100 || mean > every*103/100 {
		t.Errorf("an outage begins every %s, want about every %s", mean, every)
	}
	if mean := gone / n; mean < away*97/100 || mean > away*103/100 {
		t.Errorf("a device stays away for %s, want about %s", mean, away)
	}
}
