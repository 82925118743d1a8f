package gs1

import (
	"fmt"
	"strings"
)

// Profile says what a reader does to what it reads, and what its symbols hold.
// The zero value is the standards' own: nothing. Nothing of it is ever guessed.
type Profile struct {
	// Plain takes everything as plain text, whatever it looks like.
	Plain bool
	// GS1 says that symbols hold GS1 data where the reader does not say or says
	// otherwise: it sends no symbology identifiers, or labels were printed
	// without the FNC1 in front.
	GS1 bool
	// GTIN says that 8, 12, 13 or 14 digits are a GTIN where the reader sends no
	// symbology identifiers: of an EAN, UPC or ITF-14 symbol.
	GTIN bool
	// DI says that what is no ISO/IEC 15434 message is one data identifier with
	// its value, as on labels with a bar code for each.
	DI bool
	// Separator is what the reader sends for FNC1; "" is GS (0x1D).
	Separator string
	// Leading passes over symbology identifiers and separators in front of what
	// was read, beyond the one identifier that belongs there.
	Leading bool
	// Brackets says that the brackets of the human readable form are in the symbol.
	Brackets bool
	// Lost says that the reader drops FNC1. What can then be read in more than
	// one way is ambiguous.
	Lost bool
	// Partial says that a symbol is one of several on an item: what must be
	// together may then be on another one.
	Partial bool
}

// longestSeparator is the number of bytes of the longest Separator.
const longestSeparator = 16

// ParseProfile reads the words of a profile, separated by commas: plain, gs1, gtin, di,
// separator=…, leading, brackets, lost, partial. "" and "strict" are the zero
// Profile.
func ParseProfile(text string) (Profile, error) {
	var p Profile
	words := strings.Split(text, ",")
	if text == "" || text == "strict" {
		words = nil
	}
	for _, word := range words {
		name, value, has := strings.Cut(word, "=")
		name = strings.TrimSpace(name)
		set, ok := map[string]*bool{
			"plain": &p.Plain, "gs1": &p.GS1, "gtin": &p.GTIN, "di": &p.DI, "leading": &p.Leading,
			"brackets": &p.Brackets, "lost": &p.Lost, "partial": &p.Partial,
		}[name]
		switch {
		case ok && !has:
			*set = true
		case name == "separator" && has:
			p.Separator = value
		default:
			return Profile{}, profileError("%q is no word of a profile: plain, gs1, gtin, di, separator=…, leading, brackets, lost, partial", word)
		}
	}
	return p, p.check()
}

func (p Profile) check() error {
	switch {
	case p.Plain && p != Profile{Plain: true}:
		return profileError("plain text has no other properties")
	case p.GS1 && p.DI:
		return profileError("gs1 and di can't both be what a symbol holds")
	case p.Lost && p.Separator != "":
		return profileError("the separator can't be both lost and %q", p.Separator)
	case len(p.Separator) > longestSeparator:
		return profileError("separator: must not be longer than %d bytes", longestSeparator)
	case len(p.Separator) == 1 && members[p.Separator[0]]&in82 != 0:
		return profileError("separator: %q is a character that values have", p.Separator)
	}
	return nil
}

func profileError(format string, args ...any) error {
	return &Error{Rule: RuleSyntax, Detail: "profile: " + fmt.Sprintf(format, args...)}
}

// String returns the words that [ParseProfile] reads.
func (p Profile) String() string {
	var words []string
	for _, w := range []struct {
		set  bool
		word string
	}{
		{p.Plain, "plain"},
		{p.GS1, "gs1"},
		{p.GTIN, "gtin"},
		{p.DI, "di"},
		{p.Separator != "", "separator=" + p.Separator},
		{p.Leading, "leading"},
		{p.Brackets, "brackets"},
		{p.Lost, "lost"},
		{p.Partial, "partial"},
	} {
		if w.set {
			words = append(words, w.word)
		}
	}
	if words == nil {
		return "strict"
	}
	return strings.Join(words, ",")
}

// separator is what stands for FNC1.
func (p Profile) separator() string {
	if p.Separator == "" {
		return groupSeparator
	}
	return p.Separator
}
