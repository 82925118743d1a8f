package pattern_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/machshop/seriald/pattern"
)

// checkReporter is what reports, a test or a property.
type checkReporter interface {
	Helper()
	Fatalf(format string, args ...any)
}

// findsErrors fails if one wrong character of text with its check characters goes
// unseen, or an exchange of neighbours which the scheme promises to find.
func findsErrors(t checkReporter, s pattern.Scheme, text, covered string) {
	t.Helper()
	check, err := s.Check(text)
	if err != nil {
		t.Fatalf("%s of %q: %v", s, text, err)
	}
	whole := []byte(text + check)
	if !s.Valid(string(whole)) {
		t.Fatalf("%s: %q is not valid", s, whole)
	}
	last := -1 // the covered character before
	for i, c := range whole {
		if i < len(text) && !s.Covers(c) {
			continue
		}
		wrongs := covered
		if i >= len(text) {
			wrongs = s.Characters() + covered
		}
		for j := range len(wrongs) {
			whole[i] = wrongs[j]
			if wrongs[j] != c && s.Valid(string(whole)) {
				t.Fatalf("%s: %q is valid as %q is", s, whole, text+check)
			}
		}
		whole[i] = c
		if last >= 0 && whole[last] != c && s.CatchesTranspositions() && s.Covers(c) {
			whole[last], whole[i] = c, whole[last]
			if s.Valid(string(whole)) {
				t.Fatalf("%s: %q is valid as %q is", s, whole, text+check)
			}
			whole[last], whole[i] = whole[i], c
		}
		last = i
	}
}

// Every wrong character is found, and every exchange that is promised to be, in
// longer texts with characters between that are not covered.
func TestCheckFindsWhatTheSchemePromises(t *testing.T) {
	t.Parallel()
	for _, s := range pattern.Schemes() {
		t.Run(string(s), func(t *testing.T) {
			t.Parallel()
			covered := coveredBy(s)
			rapid.Check(t, func(t *rapid.T) {
				most := 40
				if s.Most() > 0 {
					most = s.Most()
				}
				text := rapid.SliceOfN(rapid.SampledFrom([]byte(covered)), 1, most).Draw(t, "text")
				at := rapid.IntRange(0, len(text)).Draw(t, "at")
				findsErrors(t, s, string(text[:at])+" \u00e4~"+string(text[at:]), covered)
			})
		})
	}
}

// The same of all short texts: none is an exception.
func TestCheckFindsWhatTheSchemePromisesInShortTexts(t *testing.T) {
	t.Parallel()
	for _, s := range pattern.Schemes() {
		t.Run(string(s), func(t *testing.T) {
			t.Parallel()
			covered := coveredBy(s)
			length := map[int]int{10: 4, 36: 2, 82: 1}[len(covered)]
			var all func(text string)
			all = func(text string) {
				if text != "" {
					findsErrors(t, s, text, covered)
				}
				if len(text) == length {
					return
				}
				for i := range covered {
					all(text + covered[i:i+1])
				}
			}
			all("")
		})
	}
}

// A check of any text is an error or agrees with Valid, for known schemes and others.
func FuzzCheck(f *testing.F) {
	for i, text := range []string{
		"7992739871", "PROD-000001", "080442957", "079", "G123489654321", "99991234567890121414", "79462",
		"A12425GABC1234002", "572", "236", "629104150021", "1987654Ad4X4bL5ttr2310c", "", "-", "X", "*", "luhn",
		"W\u00fclle\u2013\u4e16", "\x00\x80\xff0", strings.Repeat("z9", 40),
	} {
		f.Add(text, uint8(i))
	}
	f.Fuzz(func(t *testing.T, text string, which uint8) {
		schemes := append(pattern.Schemes(), pattern.Scheme(text))
		s := schemes[int(which)%len(schemes)]
		check, err := s.Check(text)
		appended, err2 := s.AppendCheck([]byte("before"), []byte(text))
		if err != nil {
			if check != "" || appended != nil || err2 == nil || err.Error() != err2.Error() || err.Error() == "" {
				t.Fatalf("%s of %q: Check %q, %v, AppendCheck %q, %v", s, text, check, err, appended, err2)
			}
			if zeros := strings.Repeat("0", s.Length()); s.Valid(text + zeros) {
				t.Fatalf("%s of %q: %v, and valid with %s", s, text, err, zeros)
			}
			return
		}
		if err2 != nil || string(appended) != "before"+check || len(check) != s.Length() {
			t.Fatalf("%s of %q: Check %q, AppendCheck %q, %v", s, text, check, appended, err2)
		}
		for i := range len(check) {
			if !strings.Contains(s.Characters(), check[i:i+1]) {
				t.Fatalf("%s of %q: %q is not of %s", s, text, check, s.Characters())
			}
		}
		front := check[:len(check)-1]
		for c := range 256 {
			if end := front + string([]byte{byte(c)}); s.Valid(text+end) != (end == check) {
				t.Fatalf("%s of %q: check is %q, with %q valid %t", s, text, check, end, s.Valid(text+end))
			}
		}
	})
}

// Not parallel: allocations are counted for the whole program.
func TestAppendCheckDoesNotAllocate(t *testing.T) {
	covered := []byte("PROD-20260302-000001-AB")
	b := make([]byte, 0, 8)
	for _, s := range pattern.Schemes() {
		if n := testing.AllocsPerRun(100, func() { _, _ = s.AppendCheck(b, covered) }); n != 0 {
			t.Errorf("%s: %v allocations", s, n)
		}
	}
}

func BenchmarkAppendCheck(b *testing.B) {
	covered := []byte("PROD-20260302-000001-")
	out := make([]byte, 0, 8)
	for _, s := range pattern.Schemes() {
		b.Run(string(s), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.AppendCheck(out, covered); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "numbers/s")
		})
	}
}
