// Package pattern renders serial numbers from pattern templates such as
// "TST-{YYYY}{MM}{DD}-{SEQ:6}". A pattern is parsed once into a [Pattern] and
// rendered many times; the package is pure and knows no counters, only their
// values.
//
// Tokens: {YYYY} {YY} {MM} {DD} {DDD} (day of year), {WW} (ISO 8601 week, with
// {GGGG} its year) and {SEQ:n} (decimal, n digits); {{ and }} are braces;
// everything else is literal.
package pattern

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// maxSeqDigits is the widest {SEQ:n}: what an int64 counter can fill.
const maxSeqDigits = 18

// ErrExhausted says that a counter's value needs more digits than its {SEQ:n}
// has. The number is never made longer and never wraps.
var ErrExhausted = errors.New("sequence exhausted")

// Pattern is a parsed template, ready to render.
type Pattern struct {
	source string
	steps  []step
}

type step struct {
	literal string // if token is ""
	token   string
	digits  int
	limit   int64 // 10^digits of a SEQ
}

// Parse reads a template. The error says where it is wrong, counted in bytes
// from 1, and what to write instead.
func Parse(source string) (*Pattern, error) {
	p := &Pattern{source: source}
	var literal strings.Builder
	flush := func() {
		if literal.Len() > 0 {
			p.steps = append(p.steps, step{literal: literal.String()})
			literal.Reset()
		}
	}
	hasSeq := false
	for i := 0; i < len(source); {
		switch c := source[i]; {
		case strings.HasPrefix(source[i:], "{{"), strings.HasPrefix(source[i:], "}}"):
			literal.WriteByte(c)
			i += 2
		case c == '}':
			return nil, fmt.Errorf("pattern %q: position %d: a single }: write }} for a brace", source, i+1)
		case c == '{':
			end := strings.IndexByte(source[i:], '}')
			if end < 0 {
				return nil, fmt.Errorf("pattern %q: position %d: { without }: write {{ for a brace", source, i+1)
			}
			s, err := parseToken(source[i+1 : i+end])
			if err != nil {
				return nil, fmt.Errorf("pattern %q: position %d: %w", source, i+1, err)
			}
			flush()
			hasSeq = hasSeq || s.token == "SEQ"
			p.steps = append(p.steps, s)
			i += end + 1
		default:
			literal.WriteByte(c)
			i++
		}
	}
	flush()
	if !hasSeq {
		return nil, fmt.Errorf("pattern %q must repeat: it has no {SEQ:n}", source)
	}
	return p, nil
}

func parseToken(token string) (step, error) {
	name, arg, hasArg := strings.Cut(token, ":")
	switch name {
	case "YYYY", "YY", "MM", "DD", "DDD", "WW", "GGGG":
		if hasArg {
			return step{}, fmt.Errorf("{%s} takes no argument", name)
		}
		return step{token: name}, nil
	case "SEQ":
		n, err := strconv.Atoi(arg)
		if err != nil || n < 1 || n > maxSeqDigits {
			return step{}, fmt.Errorf("{%s}: say how many digits, from 1 to %d: write {SEQ:6}", token, maxSeqDigits)
		}
		limit := int64(1)
		for range n {
			limit *= 10
		}
		return step{token: name, digits: n, limit: limit}, nil
	}
	return step{}, fmt.Errorf("unknown token {%s}; known are YYYY YY MM DD DDD WW GGGG SEQ:n", token)
}

// String returns the template.
func (p *Pattern) String() string { return p.source }

// Render returns the number for a counter value at the site's local time. It
// returns [ErrExhausted] if seq does not fit, or is negative.
func (p *Pattern) Render(local time.Time, seq int64) (string, error) {
	b := make([]byte, 0, 48)
	for _, s := range p.steps {
		switch s.token {
		case "":
			b = append(b, s.literal...)
		case "YYYY":
			b = appendDigits(b, int64(local.Year()), 4)
		case "YY":
			b = appendDigits(b, int64(local.Year()%100), 2)
		case "MM":
			b = appendDigits(b, int64(local.Month()), 2)
		case "DD":
			b = appendDigits(b, int64(local.Day()), 2)
		case "DDD":
			b = appendDigits(b, int64(local.YearDay()), 3)
		case "WW":
			_, week := local.ISOWeek()
			b = appendDigits(b, int64(week), 2)
		case "GGGG":
			year, _ := local.ISOWeek()
			b = appendDigits(b, int64(year), 4)
		case "SEQ":
			if seq < 0 || seq >= s.limit {
				return "", fmt.Errorf("%w: %d needs more than %d digits", ErrExhausted, seq, s.digits)
			}
			b = appendDigits(b, seq, s.digits)
		}
	}
	return string(b), nil
}

func appendDigits(b []byte, n int64, width int) []byte {
	var digits [20]byte
	d := strconv.AppendInt(digits[:0], n, 10)
	for range width - len(d) {
		b = append(b, '0')
	}
	return append(b, d...)
}
