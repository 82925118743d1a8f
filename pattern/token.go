package pattern

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// token is what stands between braces; literal text has none.
type token uint8

const (
	literal token = iota
	year4
	year2
	yearCode
	month
	monthCode
	day
	dayOfYear
	isoWeek
	isoYear
	hour
	sequence
	random
	serialRandom
	site
	part
	line
	workOrder
	lot
	operation
	check
)

// names are the tokens as they are written.
var names = map[string]token{
	"YYYY": year4, "YY": year2, "Y1": yearCode, "MM": month, "M1": monthCode, "DD": day, "DDD": dayOfYear,
	"WW": isoWeek, "GGGG": isoYear, "HH": hour,
	"SEQ": sequence, "RANDOM": random, "SERIAL_RANDOM": serialRandom,
	"SITE": site, "PART": part, "LINE": line, "WO": workOrder, "LOT": lot, "OP": operation,
	"CHECK": check,
}

// known lists the tokens, for errors.
const known = "YYYY YY Y1 MM M1 DD DDD WW GGGG HH SEQ:n RANDOM:n SERIAL_RANDOM:n SITE PART LINE WO LOT OP CHECK:name"

// element is a part of a parsed pattern.
type element struct {
	token  token
	text   string // of a literal; of a token as it is written, without braces
	at     int    // where it is written, in bytes from 1
	width  int    // characters of a sequence, a random text or a check
	digits string // the characters that a sequence or random text is made of
	limit  int64  // of a sequence: how many values there are
	scheme Scheme
}

// The characters of sequences and random texts. Base 32 is Crockford's, without I,
// L, O and U.
const (
	base10   = "0123456789"
	base16   = "0123456789ABCDEF"
	base32   = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	base36   = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	baseAlfa = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
)

// The one-character codes of IEC 60062: a letter for the year, which comes again
// after 20 years (A is 2010 and 2030), and 1 to 9, O, N, D for the month.
const (
	yearCodes     = "ABCDEFHJKLMNPRSTUVWX"
	firstYearCode = 2010
	monthCodes    = "123456789OND"
)

const (
	// mostRandom bounds {RANDOM:n}: more is no number that anybody reads.
	mostRandom = 32
	// usualRandom is the width of a random text that says none.
	usualRandom = 4
)

// parseToken reads what stands between braces, at a place of the pattern.
func parseToken(text string, at int) (element, error) {
	name, arg, hasArg := strings.Cut(text, ":")
	e := element{token: names[name], text: text, at: at}
	switch e.token {
	case literal:
		return e, unknownToken(text, name)
	case sequence, serialRandom:
		return e, e.parseSequence(name, arg)
	case random:
		return e, e.parseRandom(arg, hasArg)
	case check:
		scheme, err := ParseScheme(arg)
		if err != nil {
			return e, err
		}
		e.scheme, e.width = scheme, scheme.Length()
	default:
		if hasArg {
			return e, fmt.Errorf("{%s} takes no argument: write {%s}", text, name)
		}
	}
	return e, nil
}

// unknownToken names the token that may be meant.
func unknownToken(text, name string) error {
	hint := ""
	if _, ok := names[strings.ToUpper(strings.TrimSpace(name))]; ok {
		hint = ": write {" + strings.ToUpper(strings.TrimSpace(name)) + "}"
	} else if meant, ok := map[string]string{
		"YEAR": "YYYY", "MONTH": "MM", "DAY": "DD", "WEEK": "WW", "HOUR": "HH", "SEQUENCE": "SEQ:6", "COUNTER": "SEQ:6",
		"RAND": "RANDOM:6", "PARTID": "PART", "SITEID": "SITE", "WORKORDER": "WO", "BATCH": "LOT", "OPERATION": "OP",
		"LUHN": "CHECK:luhn", "JJJ": "DDD", "IYYY": "GGGG",
	}[strings.ToUpper(strings.Trim(name, " _-"))]; ok {
		hint = ": write {" + meant + "}"
	}
	return fmt.Errorf("unknown token {%s}%s; known are %s", text, hint, known)
}

// parseSequence reads n or n:base.
func (e *element) parseSequence(name, arg string) error {
	width, base, hasBase := strings.Cut(arg, ":")
	e.digits = base10
	if hasBase {
		switch base {
		case "10":
		case "16":
			e.digits = base16
		case "32":
			e.digits = base32
		case "36":
			e.digits = base36
		default:
			return fmt.Errorf("{%s}: the base must be 10, 16, 32 or 36: write {%s:6:36}", e.text, name)
		}
	}
	n, err := strconv.Atoi(width)
	most := widest(len(e.digits))
	if err != nil || n < 1 || n > most {
		return fmt.Errorf("{%s}: say how many characters, from 1 to %d: write {%s:6}", e.text, most, name)
	}
	e.width, e.limit = n, power(len(e.digits), n)
	return nil
}

// widest is how many digits of a base an int64 fills.
func widest(base int) int {
	n := 0
	for limit := int64(1); limit <= math.MaxInt64/int64(base); n++ {
		limit *= int64(base)
	}
	return n
}

// power returns base to the n-th, as far as an int64 goes.
func power(base, n int) int64 {
	p := int64(1)
	for range n {
		if p > math.MaxInt64/int64(base) {
			return math.MaxInt64
		}
		p *= int64(base)
	}
	return p
}

// parseRandom reads n, kind or kind:n.
func (e *element) parseRandom(arg string, hasArg bool) error {
	kind, width, _ := strings.Cut(arg, ":")
	e.digits, e.width = base36, usualRandom
	switch kind {
	case "numeric":
		e.digits = base10
	case "alpha":
		e.digits = baseAlfa
	case "alphanumeric":
	case "hex":
		e.digits = base16
	default:
		width = arg
		if !hasArg || width == "" {
			width = "0" // refused below
		}
	}
	if width != "" {
		n, err := strconv.Atoi(width)
		if err != nil || n < 1 || n > mostRandom {
			return fmt.Errorf("{%s}: say how many characters, from 1 to %d, or which: write {RANDOM:6} or {RANDOM:numeric:6} (numeric, alpha, alphanumeric, hex)", e.text, mostRandom)
		}
		e.width = n
	}
	e.limit = power(len(e.digits), e.width)
	return nil
}

// variable reports whether an element's text comes with the event, of any length.
func (e *element) variable() bool {
	return slices.Contains([]token{site, part, line, workOrder, lot, operation}, e.token)
}
