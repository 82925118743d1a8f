// Package pattern makes serial numbers from pattern templates such as
// "TST-{YYYY}{MM}{DD}-{SEQ:6}", and proves before one is used what it can: that
// its numbers can't repeat, don't meet those of another pattern, and fit where they
// are printed. A pattern is parsed once into a [Pattern] and rendered many times.
// The package is pure: it knows no counters, only their values, and no clock.
//
// # Tokens
//
// Dates are those of the site's local time:
//
//	{YYYY} {YY} {MM} {DD}  year, month, day
//	{DDD}                  day of the year, 001 to 366
//	{WW} {GGGG}            ISO 8601 week and the year that the week is of
//	{Y1} {M1}              year and month in one character (IEC 60062)
//	{HH}                   hour, 00 to 23
//
// What tells numbers apart:
//
//	{SEQ:n} {SEQ:n:base}   the counter, n characters; base 10, 16, 32 (Crockford) or 36
//	{SERIAL_RANDOM:n}      the counter through a keyed [Permutation]: looks random,
//	                       can't repeat; bases as above
//	{RANDOM:n}             n random characters 0-9 A-Z; {RANDOM:numeric:n}, alpha,
//	                       alphanumeric and hex choose others, 4 if n is left out
//
// What comes with the event: {SITE} {PART} {LINE} {WO} {LOT} {OP}. What is
// calculated: {CHECK:name}, the check character of all before it ([Scheme]).
// {{ and }} are braces; everything else is literal.
package pattern

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// ErrExhausted says that a counter's value needs more characters than its {SEQ:n}
// has. The number is never made longer and never wraps.
var ErrExhausted = errors.New("sequence exhausted")

// MissingError says that an event lacks what a token stands for.
type MissingError struct {
	Token string // "WO"
}

// Error implements error.
func (e *MissingError) Error() string {
	return "the pattern has {" + e.Token + "}, and the event has nothing for it"
}

// Pattern is a parsed template. It is safe for concurrent use.
type Pattern struct {
	source   string
	elements []element
}

// Parse reads a template. The error says where it is wrong, counted in bytes
// from 1, and what to write instead.
func Parse(source string) (*Pattern, error) {
	p := &Pattern{source: source}
	wrong := func(at int, format string, args ...any) error {
		return fmt.Errorf("pattern %q: position %d: %w", source, at+1, fmt.Errorf(format, args...))
	}
	if !utf8.ValidString(source) {
		return nil, fmt.Errorf("pattern %q: is not valid UTF-8", source)
	}
	var text strings.Builder
	from := 0
	flush := func() {
		if text.Len() > 0 {
			p.elements = append(p.elements, element{text: text.String(), at: from + 1})
			text.Reset()
		}
	}
	for i := 0; i < len(source); {
		if text.Len() == 0 {
			from = i
		}
		switch c := source[i]; {
		case strings.HasPrefix(source[i:], "{{"), strings.HasPrefix(source[i:], "}}"):
			text.WriteByte(c)
			i += 2
		case c == '}':
			return nil, wrong(i, "a single }: write }} for a brace")
		case c == '{':
			end := strings.IndexByte(source[i:], '}')
			if end < 0 {
				return nil, wrong(i, "{ without }: write {{ for a brace")
			}
			e, err := parseToken(source[i+1:i+end], i+1)
			if err != nil {
				return nil, wrong(i, "%w", err)
			}
			flush()
			if e.token == check && len(p.elements) == 0 {
				return nil, wrong(i, "{%s} has nothing before it to check: put it behind", e.text)
			}
			p.elements = append(p.elements, e)
			i += end + 1
		default:
			text.WriteByte(c)
			i++
		}
	}
	flush()
	if !p.Counts() && !p.Random() {
		return nil, fmt.Errorf("pattern %q must repeat: it has no {SEQ:n}, {SERIAL_RANDOM:n} or {RANDOM:n}", source)
	}
	return p, nil
}

// String returns the template.
func (p *Pattern) String() string { return p.source }

// Values are what a number is made of.
type Values struct {
	Local time.Time // of the site
	Seq   int64     // the counter's value, from 0

	Site, Part, Line, WorkOrder, Lot, Operation string

	// Random fills b with random bytes for {RANDOM:n}. It must be a source that
	// nobody can predict.
	Random func(b []byte)
	// Permutation is that of {SERIAL_RANDOM:n}, of [Pattern.Permuted] values.
	Permutation *Permutation

	buffer [2 * mostRandom]byte
}

// Render returns the number that v makes. The error is that of [Pattern.Append].
func (p *Pattern) Render(v *Values) (string, error) {
	b, err := p.Append(make([]byte, 0, 48), v)
	return string(b), err
}

// Missing returns the first token that v has no text for; nil if there is none.
func (p *Pattern) Missing(v *Values) *MissingError {
	for i := range p.elements {
		if e := &p.elements[i]; e.variable() && v.text(e.token) == "" {
			return &MissingError{Token: e.text}
		}
	}
	return nil
}

// Append appends the number that v makes to b. The error is [ErrExhausted] if the
// counter's value does not fit or is negative, or a *[MissingError], or that of a
// check which has no character to cover.
func (p *Pattern) Append(b []byte, v *Values) ([]byte, error) {
	start := len(b)
	for i := range p.elements {
		e := &p.elements[i]
		switch e.token {
		case literal:
			b = append(b, e.text...)
		case sequence, serialRandom:
			if v.Seq < 0 || v.Seq >= e.limit {
				return nil, fmt.Errorf("%w: value %d needs more than the %d characters of {%s}", ErrExhausted, v.Seq, e.width, e.text)
			}
			n := v.Seq
			if e.token == serialRandom {
				n = int64(v.Permutation.Of(uint64(n)))
			}
			b = appendNumber(b, n, e.width, e.digits)
		case random:
			b = v.appendRandom(b, e)
		case check:
			var err error
			if b, err = e.scheme.AppendCheck(b, b[start:]); err != nil {
				return nil, err
			}
		default:
			if e.variable() {
				text := v.text(e.token)
				if text == "" {
					return nil, &MissingError{Token: e.text}
				}
				b = append(b, text...)
				continue
			}
			b = appendDate(b, e.token, v.Local)
		}
	}
	return b, nil
}

// text returns what comes with the event for a token.
func (v *Values) text(t token) string {
	switch t {
	case site:
		return v.Site
	case part:
		return v.Part
	case line:
		return v.Line
	case workOrder:
		return v.WorkOrder
	case lot:
		return v.Lot
	}
	return v.Operation
}

// appendDate appends what a token says of a time.
func appendDate(b []byte, t token, local time.Time) []byte {
	two := func(n int) []byte { return appendNumber(b, int64(n), 2, base10) }
	switch t {
	case year4:
		return appendNumber(b, int64(local.Year()), 4, base10)
	case year2:
		return two(local.Year() % 100)
	case yearCode:
		return append(b, yearCodes[(local.Year()-firstYearCode%len(yearCodes)+len(yearCodes))%len(yearCodes)])
	case month:
		return two(int(local.Month()))
	case monthCode:
		return append(b, monthCodes[local.Month()-1])
	case day:
		return two(local.Day())
	case dayOfYear:
		return appendNumber(b, int64(local.YearDay()), 3, base10)
	case isoWeek:
		_, week := local.ISOWeek()
		return two(week)
	case isoYear:
		y, _ := local.ISOWeek()
		return appendNumber(b, int64(y), 4, base10)
	}
	return two(local.Hour())
}

// appendNumber appends n in the digits of a base, with zeros in front.
func appendNumber(b []byte, n int64, width int, digits string) []byte {
	at := len(b) + width
	for range width {
		b = append(b, digits[0])
	}
	for base := int64(len(digits)); n > 0; n /= base {
		if at--; at < len(b)-width {
			return b // a year beyond 9999: nobody's calendar
		}
		b[at] = digits[n%base]
	}
	return b
}

// appendRandom appends random characters, each as likely as any other.
func (v *Values) appendRandom(b []byte, e *element) []byte {
	// A byte beyond the last whole multiple would make the first characters
	// likelier.
	whole := byte(256/len(e.digits)*len(e.digits) - 1)
	for left := e.width; left > 0; {
		buffer := v.buffer[:2*left]
		v.Random(buffer)
		for _, c := range buffer {
			if c > whole {
				continue
			}
			b = append(b, e.digits[int(c)%len(e.digits)])
			if left--; left == 0 {
				break
			}
		}
	}
	return b
}
