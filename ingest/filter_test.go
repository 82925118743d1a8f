package ingest

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// naiveMatch is the standard read aloud: one level after the other.
func naiveMatch(filter, topic string) bool {
	f, t := strings.Split(filter, "/"), strings.Split(topic, "/")
	if strings.HasPrefix(topic, "$") && (f[0] == "+" || f[0] == "#") {
		return false
	}
	for len(f) > 0 {
		if f[0] == "#" {
			return true
		}
		if len(t) == 0 || (f[0] != "+" && f[0] != t[0]) {
			return false
		}
		f, t = f[1:], t[1:]
	}
	return len(t) == 0
}

// wantOverlap checks what common and covers say of two filters, with topic as a
// witness if it is one.
func wantOverlap(t interface {
	Helper()
	Errorf(string, ...any)
}, f, g filter, topic string,
) {
	t.Helper()
	inF, inG := topic != "" && naiveMatch(f.String(), topic), topic != "" && naiveMatch(g.String(), topic)
	witness, overlap := f.common(g)
	if overlap && (!naiveMatch(f.String(), witness) || !naiveMatch(g.String(), witness)) {
		t.Errorf("%s and %s are said to match %q", f, g, witness)
	}
	if !overlap && inF && inG {
		t.Errorf("%s and %s both match %q", f, g, topic)
	}
	if _, back := g.common(f); back != overlap {
		t.Errorf("%s and %s overlap: %t, the other way round %t", f, g, overlap, back)
	}
	covers := f.covers(g)
	if covers && (inG && !inF || !overlap) {
		t.Errorf("%s is said to cover %s, not so with %q; they overlap: %t", f, g, topic, overlap)
	}
	var one tree
	one.add(f, &route{})
	if got := one.find(strings.Split(topic, "/"), true) != nil; topic != "" && got != inF {
		t.Errorf("%s matches %q: got %t, want %t", f, topic, got, inF)
	}
}

func TestFilterMatches(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		filter, topic string
		want          bool
	}{
		{"a/b", "a/b", true},
		{"a/b", "a/b/", false},
		{"a/b", "A/b", false},
		{"a/+", "a/b", true},
		{"a/+", "a/", true},
		{"a/+", "a", false},
		{"a/+", "a/b/c", false},
		{"+/+", "/b", true},
		{"/+", "/b", true},
		{"+", "/b", false},
		{"a/#", "a", true},
		{"a/#", "a/b/c", true},
		{"a/#", "ab", false},
		{"#", "a/b", true},
		{"#", "/", true},
		{"a//b", "a//b", true},
		{"a/+/b", "a//b", true},
		{"#", "$SYS/x", false},
		{"+/x", "$SYS/x", false},
		{"$SYS/#", "$SYS/x", true},
		{"$SYS/+", "$SYS/x", true},
		{"a/+", "a/$x", true},
	} {
		var one tree
		one.add(parseFilter(tc.filter), &route{})
		if got := one.find(strings.Split(tc.topic, "/"), true) != nil; got != tc.want {
			t.Errorf("%s matches %s: got %t, want %t", tc.filter, tc.topic, got, tc.want)
		}
		if got := naiveMatch(tc.filter, tc.topic); got != tc.want {
			t.Errorf("naively, %s matches %s: got %t, want %t", tc.filter, tc.topic, got, tc.want)
		}
	}
}

func TestFilterOverlap(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		f, g            string
		overlap, covers bool // f covers g
	}{
		{"a/b", "a/b", true, true},
		{"a/b", "a/c", false, false},
		{"a/+", "a/b", true, true},
		{"a/b", "a/+", true, false},
		{"a/+", "+/b", true, false},
		{"a/+/c", "a/b", false, false},
		{"a/#", "a", true, true},
		{"a/#", "a/+/b/#", true, true},
		{"a/#", "b/#", false, false},
		{"a/#", "+/b", true, false},
		{"#", "+/#", true, true},
		{"+/#", "#", true, true},
		{"a/+/#", "a/#", true, false},
		{"#", "$SYS/x", false, false},
		{"+/x", "$SYS/#", false, false},
		{"$SYS/#", "$SYS/+", true, true},
		{"#", "/", true, true},
		{"/#", "+", false, false},
		{"/+/#", "/#", true, true},
	} {
		f, g := parseFilter(tc.f), parseFilter(tc.g)
		if _, got := f.common(g); got != tc.overlap {
			t.Errorf("%s and %s overlap: got %t, want %t", f, g, got, tc.overlap)
		}
		if got := f.covers(g); got != tc.covers {
			t.Errorf("%s covers %s: got %t, want %t", f, g, got, tc.covers)
		}
	}
}

// TestFilterProperties tries every topic of few levels and names: two filters
// overlap if, and only if, some topic is matched by both, and one covers the
// other if, and only if, it matches all that the other does.
func TestFilterProperties(t *testing.T) {
	t.Parallel()
	names := []string{"a", "b", "", "$s"}
	var topics []string
	var grow func(prefix string, levels int)
	grow = func(prefix string, levels int) {
		for _, n := range names {
			if prefix+n != "" {
				topics = append(topics, prefix+n)
			}
			if levels > 1 {
				grow(prefix+n+"/", levels-1)
			}
		}
	}
	grow("", 4)
	filters := rapid.Custom(func(t *rapid.T) filter {
		f := filter(rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "", "$s", "+", "+"}), 0, 3).Draw(t, "levels"))
		if len(f) == 0 || rapid.Bool().Draw(t, "all below") {
			f = append(f, "#")
		}
		if f.String() == "" {
			f = filter{"+"}
		}
		return f
	})
	rapid.Check(t, func(t *rapid.T) {
		f, g := filters.Draw(t, "f"), filters.Draw(t, "g")
		both, onlyG := false, false
		for _, topic := range topics {
			wantOverlap(t, f, g, topic)
			inF, inG := naiveMatch(f.String(), topic), naiveMatch(g.String(), topic)
			both = both || inF && inG
			onlyG = onlyG || inG && !inF
		}
		if _, got := f.common(g); got != both {
			t.Errorf("%s and %s overlap: got %t, want %t", f, g, got, both)
		}
		if got := f.covers(g); got == onlyG {
			t.Errorf("%s covers %s: got %t, want %t", f, g, got, !onlyG)
		}
	})
}
