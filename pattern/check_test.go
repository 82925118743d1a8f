package pattern_test

import (
	"errors"
	"math/big"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/machshop/seriald/gs1"
	"github.com/machshop/seriald/pattern"
)

const (
	decimal        = "0123456789"
	alphanumeric   = decimal + "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	pairCharacters = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
)

// coveredBy returns the characters that a scheme covers.
func coveredBy(s pattern.Scheme) string {
	var b []byte
	for c := range 256 {
		if s.Covers(byte(c)) {
			b = append(b, byte(c))
		}
	}
	return string(b)
}

// Check characters that standards and the schemes' authors publish.
func TestCheckOfPublishedTexts(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		scheme     pattern.Scheme
		text, want string
	}{
		{pattern.Luhn, "7992739871", "3"},
		{pattern.Luhn, "PROD-000001", "8"},
		{pattern.Luhn, "000001", "8"},
		{pattern.Luhn36, "0", "0"},
		{pattern.Luhn36, "Z", "1"}, // 35 doubled is 70, 1 and 34 in base 36, and 35 needs 1
		{pattern.Mod11, "030640615", "2"},
		{pattern.Mod11, "0-306-40615", "2"},
		{pattern.Mod11, "080442957", "X"},
		{pattern.Mod11, "0-201-89683", "4"},
		{pattern.ISO7064Mod11Radix2, "0794", "0"},
		{pattern.ISO7064Mod11Radix2, "079", "X"},
		{pattern.ISO7064Mod11Radix2, "0000-0002-1825-009", "7"}, // ORCID
		{pattern.ISO7064Mod11Radix2, "0000-0002-1694-233", "X"}, // ORCID
		{pattern.ISO7064Mod37Radix2, "G123489654321", "Y"},
		{pattern.ISO7064Mod37Radix2, "G123498654321", "H"},
		{pattern.ISO7064Mod37Radix2, "1234ABCD", "V"},
		{pattern.ISO7064Mod97Radix10, "99991234567890121414", "90"},
		{pattern.ISO7064Mod97Radix10, "794", "44"},
		{pattern.ISO7064Mod97Radix10, "107571", "07"},
		{pattern.ISO7064Mod97Radix10, "LOT794", "44"}, // letters are skipped, not 10 to 35
		{pattern.ISO7064Mod97Radix10, "0", "98"},      // not "01"
		{pattern.ISO7064Mod11And10, "79462", "3"},
		{pattern.ISO7064Mod11And10, "0794", "5"},
		{pattern.ISO7064Mod11And10, "00200667308", "5"},
		{pattern.ISO7064Mod37And36, "A12425GABC1234002", "M"},
		{pattern.Damm, "572", "4"},
		{pattern.Verhoeff, "236", "3"},
		{pattern.Verhoeff, "12345", "1"},
		{pattern.Verhoeff, "123456789012", "0"},
		{pattern.GS1, "629104150021", "3"},
		{pattern.GS1, "37610425002123456", "9"},
		{pattern.GS1Alpha, "1987654Ad4X4bL5ttr2310c", "2K"},
		{pattern.GS1Alpha, "12345678901234567890123", "NT"},
		{pattern.GS1Alpha, "19876 54Ad4X4bL5\u00e4ttr2310c", "2K"},
	} {
		t.Run(string(tc.scheme)+" "+tc.text, func(t *testing.T) {
			t.Parallel()
			got, err := tc.scheme.Check(tc.text)
			if err != nil || got != tc.want {
				t.Errorf("got %q, %v, want %q", got, err, tc.want)
			}
			if !tc.scheme.Valid(tc.text+tc.want) || !tc.scheme.Valid(tc.text+"-"+tc.want) && tc.scheme != pattern.GS1Alpha {
				t.Errorf("%s with %s is not valid", tc.text, tc.want)
			}
		})
	}
}

// What each scheme says of itself. The order is part of it.
func TestSchemesSayWhatTheyDo(t *testing.T) {
	t.Parallel()
	type facts struct {
		Scheme        pattern.Scheme
		Characters    string
		Length, Most  int
		Letters       bool
		Transposition bool
		Alphabet      int
	}
	var got []facts
	for _, s := range pattern.Schemes() {
		got = append(got, facts{s, s.Characters(), s.Length(), s.Most(), s.CoversLetters(), s.CatchesTranspositions(), len(coveredBy(s))})
		if s.Covers('a') != (s == "gs1alpha") || s.Covers('Z') != s.CoversLetters() || !s.Covers('0') || s.Covers(' ') || s.Covers(0xe4) {
			t.Errorf("%s covers %s", s, coveredBy(s))
		}
	}
	want := []facts{
		{"luhn", decimal, 1, 0, false, false, 10},
		{"luhn36", alphanumeric, 1, 0, true, false, 36},
		{"mod11", decimal + "X", 1, 0, false, true, 10},
		{"iso7064-11-2", decimal + "X", 1, 0, false, true, 10},
		{"iso7064-37-2", alphanumeric + "*", 1, 0, true, true, 36},
		{"iso7064-97-10", decimal, 2, 0, false, true, 10},
		{"iso7064-11-10", decimal, 1, 0, false, false, 10},
		{"iso7064-37-36", alphanumeric, 1, 0, true, false, 36},
		{"damm", decimal, 1, 0, false, true, 10},
		{"verhoeff", decimal, 1, 0, false, true, 10},
		{"gs1", decimal, 1, 0, false, false, 10},
		{"gs1alpha", pairCharacters, 2, 23, true, true, 82},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestParseScheme(t *testing.T) {
	t.Parallel()
	for _, s := range pattern.Schemes() {
		if got, err := pattern.ParseScheme(string(s)); err != nil || got != s {
			t.Errorf("%s: got %q, %v", s, got, err)
		}
	}
	for name, text := range map[string]string{
		"":              `unknown check scheme ""; known are luhn luhn36 mod11 `,
		"crc":           "iso7064-37-36 damm verhoeff gs1 gs1alpha",
		" Luhn":         `unknown check scheme " Luhn": write luhn; known are`,
		"ISO7064-97-10": ": write iso7064-97-10;",
	} {
		if got, err := pattern.ParseScheme(name); err == nil || got != "" || !strings.Contains(err.Error(), text) {
			t.Errorf("%q: got %q, %v, want an error with %q", name, got, err, text)
		}
	}
}

func TestCheckRefusesWhatItCannotCover(t *testing.T) {
	t.Parallel()
	for _, s := range pattern.Schemes() {
		for _, text := range []string{"", "~~ ", "\u00e4\u00f6", "\x80\xff"} {
			got, err := s.Check(text)
			var e *pattern.CheckError
			if got != "" || !errors.As(err, &e) || e.Scheme != s || e.Covered != 0 || !strings.Contains(err.Error(), string(s)) {
				t.Errorf("%s of %q: got %q, %v, want a CheckError", s, text, got, err)
			}
			if s.Valid(text) || s.Valid(text+strings.Repeat("0", s.Length())) {
				t.Errorf("%s of %q with a check character is valid", s, text)
			}
		}
	}
	long := strings.Repeat("1", 24)
	got, err := pattern.GS1Alpha.Check(long)
	var e *pattern.CheckError
	if got != "" || !errors.As(err, &e) || e.Covered != 24 || !strings.Contains(err.Error(), "at most 23") {
		t.Errorf("24 characters: got %q, %v, want a CheckError", got, err)
	}
	if got, err := pattern.GS1Alpha.Check(long[1:] + "~~~"); err != nil || len(got) != 2 {
		t.Errorf("23 characters and some that are not covered: got %q, %v", got, err)
	}
}

func TestUnknownSchemeDoesNothing(t *testing.T) {
	t.Parallel()
	for _, s := range []pattern.Scheme{"", "LUHN", "crc"} {
		var e *pattern.CheckError
		if got, err := s.Check("123"); got != "" || err == nil || errors.As(err, &e) {
			t.Errorf("%q: got %q, %v, want an error that it is unknown", s, got, err)
		}
		if s.Valid("18") || s.Length() != 0 || s.Most() != 0 || s.Characters() != "" || s.CoversLetters() || s.CatchesTranspositions() || coveredBy(s) != "" {
			t.Errorf("%q is not empty", s)
		}
	}
}

// The check goes behind what b has, and what it covers may be a part of b.
func TestAppendCheckKeepsWhatIsThere(t *testing.T) {
	t.Parallel()
	b := append(make([]byte, 0, 20), "99-PROD-000001-"...)
	got, err := pattern.Luhn.AppendCheck(b, b[3:])
	if want := "99-PROD-000001-8"; err != nil || string(got) != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

// What package gs1 says of keys and models, and arithmetic of big numbers, agree.
func TestCheckAgreesWithDefinitions(t *testing.T) {
	t.Parallel()
	cset := coveredBy(pattern.GS1Alpha)
	rapid.Check(t, func(t *rapid.T) {
		digits := rapid.StringMatching(`[0-9]{1,40}`).Draw(t, "digits")
		model := string(rapid.SliceOfN(rapid.SampledFrom([]byte(cset)), 1, 23).Draw(t, "model"))
		digit, err := gs1.CheckDigit(digits)
		if got, err2 := pattern.GS1.Check(digits); err != nil || err2 != nil || got != string(digit) {
			t.Fatalf("gs1 of %s: got %s, %v, want %c, %v", digits, got, err2, digit, err)
		}
		pair, err := gs1.CheckPair(model)
		if got, err2 := pattern.GS1Alpha.Check(model); err != nil || err2 != nil || got != pair {
			t.Fatalf("gs1alpha of %s: got %s, %v, want %s, %v", model, got, err2, pair, err)
		}
		check, err := pattern.ISO7064Mod97Radix10.Check(digits)
		n, ok := new(big.Int).SetString(digits+check, 10)
		if err != nil || !ok || n.Mod(n, big.NewInt(97)).Int64() != 1 || check < "02" || check > "98" {
			t.Fatalf("iso7064-97-10 of %s: got %s, %v, remainder %v, want 1", digits, check, err, n)
		}
	})
}

// missedExchanges are exchanges of neighbours that a scheme does not find.
var missedExchanges = []struct {
	scheme    pattern.Scheme
	one, same string
}{
	{pattern.Luhn, "09", "90"},
	{pattern.Luhn36, "0Z", "Z0"},
	{pattern.GS1, "05", "50"},
	{pattern.GS1, "16", "61"},
	{pattern.GS1, "27", "72"},
	{pattern.ISO7064Mod11And10, "56", "65"},
	{pattern.ISO7064Mod37And36, "IJ", "JI"},
}

func TestCatchesTranspositionsIsFalseForAReason(t *testing.T) {
	t.Parallel()
	known := make(map[pattern.Scheme]bool)
	for _, m := range missedExchanges {
		known[m.scheme] = true
		one, err := m.scheme.Check(m.one)
		same, err2 := m.scheme.Check(m.same)
		if err != nil || err2 != nil || one != same {
			t.Errorf("%s: %s has %s, %s has %s: found", m.scheme, m.one, one, m.same, same)
		}
	}
	for _, s := range pattern.Schemes() {
		if known[s] == s.CatchesTranspositions() {
			t.Errorf("%s: promises %t, a miss is known %t", s, s.CatchesTranspositions(), known[s])
		}
	}
}

// The exchanges that Luhn and GS1 miss are no others than those that are documented.
func TestTranspositionsThatAreMissed(t *testing.T) {
	t.Parallel()
	for scheme, missed := range map[pattern.Scheme]func(a, b int) bool{
		pattern.Luhn:   func(a, b int) bool { return a == 0 && b == 9 },
		pattern.Luhn36: func(a, b int) bool { return a == 0 && b == 35 },
		pattern.GS1:    func(a, b int) bool { return b-a == 5 },
	} {
		values := coveredBy(scheme)
		for b := range values {
			for a := range b {
				for _, behind := range []string{"", "7"} {
					text := values[a:a+1] + values[b:b+1] + behind
					other := values[b:b+1] + values[a:a+1] + behind
					check, err := scheme.Check(text)
					if err != nil || scheme.Valid(other+check) != missed(a, b) {
						t.Errorf("%s: %s for %s: %v", scheme, other, text, err)
					}
				}
			}
		}
	}
}

// An X or * that changed places with its neighbour is skipped there, so it may go
// unseen: the promise leaves it out.
func TestSupplementaryCheckCharacterIsNotCovered(t *testing.T) {
	t.Parallel()
	for scheme, text := range map[pattern.Scheme]string{
		pattern.Mod11: "183X", pattern.ISO7064Mod11Radix2: "028X", pattern.ISO7064Mod37Radix2: "02Y*",
	} {
		end := len(text) - 2
		if exchanged := text[:end] + text[end+1:] + text[end:end+1]; !scheme.Valid(text) || !scheme.Valid(exchanged) {
			t.Errorf("%s: %s is valid %t, %s is valid %t", scheme, text, scheme.Valid(text), exchanged, scheme.Valid(exchanged))
		}
	}
}
