package pattern

import (
	"fmt"
	"slices"
	"strings"
)

// Scheme is a check character scheme: how one or two characters follow from a text,
// so that a text which was misread or mistyped is noticed. Its value is the name that
// {CHECK:name} has; [ParseScheme] says whether a name is known.
//
// A check covers those characters of a text that the scheme's alphabet contains, in
// their order, as if the others were not there: "PROD-000001" has the Luhn check
// character of "000001". So what is wrong with a character that is not covered goes
// unseen, and so does a covered one that became one which is not.
//
// Every scheme finds every single character that was replaced by another of its
// alphabet, a wrong check character included. [Scheme.CatchesTranspositions] tells
// which find neighbours that changed places.
type Scheme string

// The schemes. ISO/IEC 7064 lets those with one modulus (pure systems) use a
// character more for the check than the text has, and those with two (hybrid systems)
// not.
const (
	// Luhn is the mod 10 of cards (ISO/IEC 7812-1, annex B): digits, "7992739871" has '3'.
	Luhn Scheme = "luhn"
	// Luhn36 is the Luhn mod N algorithm with N = 36: digits and A-Z, with the values
	// 0 to 35. A text of digits has another check character than with [Luhn].
	Luhn36 Scheme = "luhn36"
	// Mod11 weighs digits by 2, 3 and so on to 10, from the right, then by 2 again. The
	// sum with the check digit, which has the weight 1, is a multiple of 11; X stands
	// for 10. Of nine digits it is the check digit of ISBN-10 (ISO 2108:1992):
	// "030640615" has '2'.
	Mod11 Scheme = "mod11"
	// ISO7064Mod11Radix2 is ISO/IEC 7064 MOD 11-2, that of ISNI and ORCID: digits, and
	// X as a check character; "079" has 'X'.
	ISO7064Mod11Radix2 Scheme = "iso7064-11-2"
	// ISO7064Mod37Radix2 is ISO/IEC 7064 MOD 37-2, that of blood donations (ISBT 128):
	// digits and A-Z, and * as a check character; "G123489654321" has 'Y'.
	ISO7064Mod37Radix2 Scheme = "iso7064-37-2"
	// ISO7064Mod97Radix10 is ISO/IEC 7064 MOD 97-10: digits, and two of them, "02" to
	// "98", for the check; "794" has "44". The standard has it for digits only: that
	// A-Z count as 10 to 35 is a rule of IBAN (ISO 13616-1) and LEI (ISO 17442-1), and
	// not followed here.
	ISO7064Mod97Radix10 Scheme = "iso7064-97-10"
	// ISO7064Mod11And10 is ISO/IEC 7064 MOD 11,10: digits; "79462" has '3'.
	ISO7064Mod11And10 Scheme = "iso7064-11-10"
	// ISO7064Mod37And36 is ISO/IEC 7064 MOD 37,36: digits and A-Z; "A12425GABC1234002"
	// has 'M'.
	ISO7064Mod37And36 Scheme = "iso7064-37-36"
	// Damm is H. Michael Damm's quasigroup of order 10 (2004): digits, "572" has '4'.
	Damm Scheme = "damm"
	// Verhoeff is Jacobus Verhoeff's check in the dihedral group D5 (1969): digits,
	// "236" has '3'.
	Verhoeff Scheme = "verhoeff"
	// GS1 is the mod 10 with the weights 3 and 1 of GTIN, SSCC and other keys (GS1
	// General Specifications, section 7.9.1): digits of any number, "629104150021"
	// has '3'.
	GS1 Scheme = "gs1"
	// GS1Alpha is the check character pair of the Global Model Number (GS1 General
	// Specifications, section 7.9.5): at most 23 characters of CSET 82, which are
	// digits, letters of both cases and much punctuation, hyphens too;
	// "1987654Ad4X4bL5ttr2310c" has "2K".
	GS1Alpha Scheme = "gs1alpha"
)

// CheckError says that a text has no check characters in a scheme.
type CheckError struct {
	Scheme  Scheme
	Covered int // how many characters of the text the scheme covers: none, or too many
}

// Error implements error.
func (e *CheckError) Error() string {
	f := e.Scheme.facts()
	if e.Covered == 0 {
		return fmt.Sprintf("check %s: covers %s, and there are none before it", e.Scheme, f.covers)
	}
	return fmt.Sprintf("check %s: covers at most %d characters, and there are %d before it", e.Scheme, f.most, e.Covered)
}

// Schemes returns the known schemes, always in the same order.
func Schemes() []Scheme {
	all := make([]Scheme, len(checkSchemes))
	for i := range checkSchemes {
		all[i] = checkSchemes[i].scheme
	}
	return all
}

// ParseScheme returns the scheme of a name, which is written as in {CHECK:name}. The
// error lists the known ones.
func ParseScheme(name string) (Scheme, error) {
	all := Schemes()
	if s := Scheme(name); slices.Contains(all, s) {
		return s, nil
	}
	list := make([]string, len(all))
	for i, s := range all {
		list[i] = string(s)
	}
	hint := ""
	if meant := strings.ToLower(strings.TrimSpace(name)); slices.Contains(list, meant) {
		hint = ": write " + meant
	}
	return "", fmt.Errorf("unknown check scheme %q%s; known are %s", name, hint, strings.Join(list, " "))
}

// Check returns the check characters of text, [Scheme.Length] of them: "8" for
// "PROD-000001" with [Luhn]. The error is a *[CheckError] if the scheme covers no
// character of text, or more than it can; any other means that the scheme is unknown.
func (s Scheme) Check(text string) (string, error) {
	var buffer [2]byte
	b, err := appendCheck(buffer[:0], s, text)
	return string(b), err
}

// AppendCheck appends the check characters of covered to b. It is [Scheme.Check]
// without allocation, if b has room. Covered may be a part of b.
func (s Scheme) AppendCheck(b, covered []byte) ([]byte, error) {
	return appendCheck(b, s, covered)
}

// Valid reports whether text ends with the check characters of what is before them.
// They must be its very last characters, and be written as [Scheme.Check] writes
// them. It is false if the scheme is unknown.
func (s Scheme) Valid(text string) bool {
	end := len(text) - s.Length()
	if end < 1 {
		return false
	}
	var buffer [2]byte
	b, err := appendCheck(buffer[:0], s, text[:end])
	return err == nil && string(b) == text[end:]
}

// Covers reports whether c is in the scheme's alphabet. Lower case letters are only
// in that of [GS1Alpha]. A check character need not be: X and * are not.
func (s Scheme) Covers(c byte) bool { return s.facts().values[c] >= 0 }

// CoversLetters reports whether a wrong letter A-Z is noticed.
func (s Scheme) CoversLetters() bool { return s.Covers('A') }

// Most returns how many characters of a text the scheme can cover, 0 if any number.
func (s Scheme) Most() int { return s.facts().most }

// Length returns how many check characters there are, 1 or 2; 0 if the scheme is
// unknown.
func (s Scheme) Length() int { return s.facts().length }

// Characters returns all that a check character can be, each once, in the order of
// their values: "0123456789X" for [Mod11].
func (s Scheme) Characters() string { return s.facts().characters }

// CatchesTranspositions reports whether the scheme finds every exchange of two
// different covered characters next to each other. These don't:
//
//   - [Luhn] takes 09 for 90, and [Luhn36] 0Z for Z0.
//   - [GS1] takes digits that differ by five for each other: 16 for 61.
//   - [ISO7064Mod11And10] and [ISO7064Mod37And36] miss about one exchange in 45 and
//     one in 630; which, depends on what is in front: 56 for 65, IJ for JI at the start.
//
// The promise holds for the last covered character and the check character behind it
// too, unless that is an X or *, which is not covered elsewhere: [Mod11] takes 18X3 for
// 183X.
func (s Scheme) CatchesTranspositions() bool { return s.facts().transpositions }

// appendCheck appends the check characters of a text.
func appendCheck[T string | []byte](b []byte, s Scheme, text T) ([]byte, error) {
	f := s.facts()
	if f.length == 0 {
		_, err := ParseScheme(string(s))
		return nil, err
	}
	value, covered := checkValue(f, text)
	if covered == 0 || f.most > 0 && covered > f.most {
		return nil, &CheckError{Scheme: s, Covered: covered}
	}
	if n := len(f.characters); f.length == 2 {
		b = append(b, f.characters[value/n])
		value %= n
	}
	return append(b, f.characters[value]), nil
}
