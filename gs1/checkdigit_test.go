package gs1

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Keys that GS1 publishes as examples, with their check digits.
func TestCheckDigitOfPublishedKeys(t *testing.T) {
	t.Parallel()
	for _, key := range []string{
		"6291041500213",      // GTIN-13 of the check digit calculator
		"95050003",           // GTIN-8
		"614141000036",       // GTIN-12
		"9506000134352",      // GTIN-13
		"09506000134352",     // GTIN-14
		"376104250021234569", // SSCC
		"106141412345678908", // SSCC of the Tag Data Standard
		"80614141123458",     // GTIN-14 of the Tag Data Standard
	} {
		body, last := key[:len(key)-1], key[len(key)-1]
		if got, err := CheckDigit(body); err != nil || got != last {
			t.Errorf("CheckDigit(%s) = %c, %v, want %c", body, got, err, last)
		}
		if !ValidCheckDigit(key) {
			t.Errorf("%s is not valid", key)
		}
	}
}

func TestCheckDigitSaysWhatIsNoDigit(t *testing.T) {
	t.Parallel()
	for digits, at := range map[string]int{"": 0, "A": 1, "12 ": 3, "12\u0663": 3, "-1": 1} {
		var e *Error
		if got, err := CheckDigit(digits); !errors.As(err, &e) || e.Position != at || e.Rule != "csum" || e.Detail == "" {
			t.Errorf("CheckDigit(%q) = %c, %v, want an error at %d", digits, got, err, at)
		}
	}
	for _, digits := range []string{"", "0", "0A", "A0", "6291041500214", "629104150021", "6291041500213 "} {
		if ValidCheckDigit(digits) {
			t.Errorf("%q is valid", digits)
		}
	}
}

// Every wrong digit is found. Two digits that changed places are, unless they differ
// by five: the weights differ by two, and two times five is ten.
func TestCheckDigitFindsWhatTheSchemePromises(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		body := rapid.StringMatching(`[0-9]{1,29}`).Draw(t, "digits")
		digit, err := CheckDigit(body)
		if err != nil {
			t.Fatal(err)
		}
		key := body + string(digit)
		if !ValidCheckDigit(key) || csum(key) != nil {
			t.Fatalf("%s is not valid", key)
		}
		for i := range len(key) {
			for c := byte('0'); c <= '9'; c++ {
				if wrong := replaced(key, i, c); wrong != key && ValidCheckDigit(wrong) {
					t.Fatalf("%s is valid as %s is", wrong, key)
				}
			}
			if i == 0 || key[i] == key[i-1] {
				continue
			}
			apart := int(key[i]) - int(key[i-1])
			if seen := !ValidCheckDigit(swapped(key, i-1, i)); seen == (apart == 5 || apart == -5) {
				t.Fatalf("%s with %d and %d exchanged: found %t", key, i-1, i, seen)
			}
		}
	})
}

// The example of the standard, and values that the GS1 Barcode Syntax Dictionary is
// tested with (Copyright (c) 2022-2024 GS1 AISBL, Apache License, Version 2.0).
var pairs = []string{
	"1987654Ad4X4bL5ttr2310c2K",
	"12345678901234567890123NT", "12345_ABCDEFGHIJKLMCP", "12345_NOPQRSTUVWXYZDN", "12345_abcdefghijklmN3",
	"12345_nopqrstuvwxyzP2", `12345_!"%&'()*+,-./LC`, "12345_0123456789:;<=>?62", "7907665Bm8v2AB", "97850l6KZm0yCD",
	"225803106GSpEF", "149512464PM+GH", "62577B8fRG7HJK", "515942070CYxLM", "390800494sP6NP", "386830132uO+QR",
	"53395376X1:nST", "957813138Sb6UV", "530790no0qOgWX", "62185314IvwmYZ", "23956qk1&dB!23", "794394895ic045",
	"57453Uq3qA<H67", "0881063PhHvY89", "00000!HV", "99999zzzzzzzzzzzzzzzzzzT2", "!22", "!!22",
}

func TestCheckPairOfPublishedValues(t *testing.T) {
	t.Parallel()
	for _, whole := range pairs {
		end := len(whole) - 2
		if got, err := CheckPair(whole[:end]); err != nil || got != whole[end:] {
			t.Errorf("CheckPair(%q) = %s, %v, want %s", whole[:end], got, err, whole[end:])
		}
		if f := csumalpha(whole); f != nil {
			t.Errorf("%s: %+v", whole, *f)
		}
	}
}

func TestCheckPairSaysWhatItCannotTake(t *testing.T) {
	t.Parallel()
	for value, at := range map[string]int{"": 0, " A": 1, "A~": 2, "AB\u00e4": 3, "12345#": 6, strings.Repeat("1", 24): 0} {
		var e *Error
		if got, err := CheckPair(value); !errors.As(err, &e) || e.Position != at || e.Rule != "csumalpha" || e.Detail == "" {
			t.Errorf("CheckPair(%q) = %q, %v, want an error at %d", value, got, err, at)
		}
	}
}

// Every wrong character is found, in the pair too, and every two characters in front
// of the pair that changed places, next to each other or not.
func TestCheckPairFindsWhatTheSchemePromises(t *testing.T) {
	t.Parallel()
	character := rapid.SampledFrom([]byte(pairValues))
	rapid.Check(t, func(t *rapid.T) {
		body := string(rapid.SliceOfN(character, 1, 23).Draw(t, "value"))
		pair, err := CheckPair(body)
		if err != nil {
			t.Fatal(err)
		}
		whole := body + pair
		if f := csumalpha(whole); f != nil {
			t.Fatal(f.detail)
		}
		at := rapid.IntRange(0, len(whole)-1).Draw(t, "at")
		for _, c := range []byte(pairValues) {
			if wrong := replaced(whole, at, c); wrong != whole && csumalpha(wrong) == nil {
				t.Fatalf("%s is taken as %s is", wrong, whole)
			}
		}
		for i := range len(body) {
			for j := range i {
				if wrong := swapped(whole, i, j); wrong != whole && csumalpha(wrong) == nil {
					t.Fatalf("%s is taken as %s is", wrong, whole)
				}
			}
		}
	})
}

func replaced(s string, at int, c byte) string { return s[:at] + string(rune(c)) + s[at+1:] }

func swapped(s string, i, j int) string {
	b := []byte(s)
	b[i], b[j] = b[j], b[i]
	return string(b)
}
