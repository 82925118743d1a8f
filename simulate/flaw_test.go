package simulate

import (
	"math"
	"testing"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/ingest"
)

// judged is what the service says to a message, read as a device does.
func judged(t *testing.T, typ seriald.EventType, payload []byte) *answer {
	t.Helper()
	o := strictly(seriald.EventTopic(scanner, typ), payload)
	if o == nil {
		t.Fatalf("%.200q as %s is not refused", payload, typ)
	}
	return &answer{EventID: string(o.EventID), Status: o.Status, Code: o.Code, Field: o.Field, Message: o.Message}
}

func TestFlawsAreRefusedAsExpected(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for _, f := range append([]flaw{longFlaw}, flaws...) {
		if names[f.name] {
			t.Errorf("%s: is there twice", f.name)
		}
		names[f.name] = true
		a := judged(t, f.typ, f.text("sim-1-7", ingest.DefaultMaxPayload))
		if !f.expects(a) || !f.nameless && a.EventID != "sim-1-7" {
			t.Errorf("%s: got %s, field %q; want %+v", f.name, a.text(), a.Field, f.refusal)
		}
		for what, change := range map[string]func(*answer){
			"accepted":                 func(a *answer) { a.Status = seriald.StatusAccepted },
			"another code":             func(a *answer) { a.Code = seriald.CodeRateLimited },
			"another field":            func(a *answer) { a.Field = "lotNumber" },
			"the id where none is":     func(a *answer) { a.EventID = "" },
			"no id where there is one": func(a *answer) { a.EventID = "sim-1-7" },
		} {
			changed := *a
			if change(&changed); changed.EventID != a.EventID || changed.text() != a.text() || changed.Field != a.Field {
				if f.expects(&changed) {
					t.Errorf("%s: %s passes for right", f.name, what)
				}
			}
		}
	}
}

func TestScriptIsWrongInItsShare(t *testing.T) {
	t.Parallel()
	for _, share := range []float64{0, 0.01, 0.5, 0.999} {
		cfg := Config{Mix: Mix{seriald.TypeSerialGenerate: 1}, Wrong: share}.withDefaults()
		s, again := newScript("sim-1", cfg), newScript("sim-1", cfg)
		const events = 50_000
		wrong, names := 0, map[string]int{}
		for n := range uint32(events) {
			f := s.flaw(n)
			if f != again.flaw(n) {
				t.Fatalf("event %d is wrong in two ways", n)
			}
			if f != nil {
				wrong++
				names[f.name]++
			}
		}
		if got := float64(wrong) / events; math.Abs(got-share) > 0.005 {
			t.Errorf("a share of %v of the events is wrong, want %v", got, share)
		}
		if share == 0 {
			continue
		}
		if len(names) != len(flaws)+1 {
			t.Errorf("share %v: got the flaws %v, want all", share, names)
		}
		if long := names[longFlaw.name]; share == 0.5 && (long < wrong/40 || long > wrong/25) {
			t.Errorf("%d of %d are too long, want about one in 32", long, wrong)
		}
	}
}

func TestScriptPlaysItsFlaws(t *testing.T) {
	t.Parallel()
	s := newScript("sim-1", Config{Mix: Mix{seriald.TypeSerialGenerate: 1}, Wrong: 0.5}.withDefaults())
	for n := range uint32(200) {
		typ, payload := s.event(n)
		f := s.flaw(n)
		if f == nil {
			if o := strictly(seriald.EventTopic(scanner, typ), payload); o != nil {
				t.Errorf("event %d, which is right: got %+v", n, o)
			}
			continue
		}
		if a := judged(t, typ, payload); !f.expects(a) {
			t.Errorf("event %d, %s: got %s", n, f.name, a.text())
		}
	}
}
