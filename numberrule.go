package seriald

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// NumberRule is what a number from outside must look like to be taken for a
// part.
type NumberRule struct {
	MinLength int            // in characters; 0 = no bound
	MaxLength int            // in characters; 0 = no bound
	Pattern   *regexp.Regexp // RE2, matched against the whole number; nil = any
	Charset   Charset
	Fold      bool // upper and lower case are the same number
}

// Charset bounds the characters of a number.
type Charset string

// The character sets of number rules.
const (
	CharsetAny          Charset = "any"
	CharsetNumeric      Charset = "numeric"
	CharsetAlphanumeric Charset = "alphanumeric" // A-Z a-z 0-9
)

// CompileRule compiles the pattern of a number rule so that it matches whole
// numbers only; "" gives nil, which matches all.
func CompileRule(pattern string) (*regexp.Regexp, error) {
	if pattern == "" {
		return nil, nil
	}
	// By itself first: "A)|(?:B" is a pattern only between the parentheses, and
	// then matches parts.
	if _, err := regexp.Compile(pattern); err != nil {
		return nil, fmt.Errorf("number rule: %w", err)
	}
	re, err := regexp.Compile(`^(?:` + pattern + `)$`)
	if err != nil {
		return nil, fmt.Errorf("number rule: %w", err)
	}
	return re, nil
}

// Source returns the pattern that [CompileRule] compiled, "" if there is none.
func (r *NumberRule) Source() string {
	if r.Pattern == nil {
		return ""
	}
	return strings.TrimSuffix(strings.TrimPrefix(r.Pattern.String(), "^(?:"), ")$")
}

// Check refuses a number that breaks the rule with [CodeFormatMismatch]; field
// is the event's field it came in. Control characters are refused under every
// rule: no carrier shows them to a person. The error is a *[Rejection].
func (r *NumberRule) Check(field, number string) error {
	n := utf8.RuneCountInString(number)
	switch {
	case r.MinLength > 0 && n < r.MinLength:
		return Reject(CodeFormatMismatch, field, "%q has %d characters; the part asks for at least %d", number, n, r.MinLength)
	case r.MaxLength > 0 && n > r.MaxLength:
		return Reject(CodeFormatMismatch, field, "%q has %d characters; the part allows %d", number, n, r.MaxLength)
	}
	for _, c := range number {
		if unicode.IsControl(c) {
			return Reject(CodeFormatMismatch, field, "%q contains the control character %U", number, c)
		}
		if !r.Charset.contains(c) {
			return Reject(CodeFormatMismatch, field, "%q contains %q; the part allows %s characters only", number, c, r.Charset)
		}
	}
	if r.Pattern != nil && !r.Pattern.MatchString(number) {
		return Reject(CodeFormatMismatch, field, "%q does not match the part's rule %s", number, r.Pattern)
	}
	return nil
}

func (c Charset) contains(r rune) bool {
	switch c {
	case CharsetNumeric:
		return '0' <= r && r <= '9'
	case CharsetAlphanumeric:
		return '0' <= r && r <= '9' || 'A' <= r && r <= 'Z' || 'a' <= r && r <= 'z'
	}
	return true
}
