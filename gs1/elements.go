package gs1

import (
	"strconv"
	"strings"
)

// groupSeparator is what a reader sends for FNC1 between two elements (GS1
// General Specifications, section 7.8.3).
const groupSeparator = "\x1d"

// ParseElementString parses GS1 element strings as a reader sends them: without
// symbology identifier, FNC1 as GS (0x1D) after each value that has no predefined
// length, unless it is the last (GS1 General Specifications, section 7.8). An FNC1
// where none is needed is passed over, as the standard asks for.
func ParseElementString(data string) (Elements, error) {
	es := make(Elements, 0, usualElements)
	if err := parseSeparated(data, groupSeparator, 1, &es); err != nil {
		return nil, err
	}
	return es, nil
}

// usualElements is for how many elements room is made: few symbols have more.
const usualElements = 6

// parseElementString parses what GS separates and appends it to es; data begins
// at a place of the scan, from 1.
func parseElementString(data string, at int, es *Elements) error {
	return parseSeparated(data, groupSeparator, at, es)
}

func parseSeparated(data, separator string, at int, es *Elements) error {
	if data == "" {
		return &Error{Position: at, Rule: RuleEmpty, Detail: "no element string"}
	}
	for done := 0; done < len(data); {
		ai := leadingAI(data[done:])
		if ai == nil {
			return noAI(data[done:], separator, at+done)
		}
		done += len(ai.Code)
		rest := data[done:]
		end := strings.Index(rest, separator)
		if end < 0 {
			end = len(rest)
		}
		if ai.Predefined {
			end = min(end, ai.max)
		}
		if err := es.add(ai, rest[:end], at+done); err != nil {
			return missingSeparator(err, ai, end)
		}
		done += end
		if strings.HasPrefix(data[done:], separator) {
			done += len(separator)
		}
	}
	return nil
}

// noAI says why no element begins at a place.
func noAI(data, separator string, at int) error {
	if strings.HasPrefix(data, separator) {
		return &Error{Position: at, Rule: RuleSeparator, Detail: "an FNC1 stands where an application identifier must begin"}
	}
	return &Error{Position: at, Rule: RuleUnknownAI, Detail: "no application identifier begins with " + quoted(data)}
}

// missingSeparator adds to an error what may be its cause.
func missingSeparator(err error, ai *AI, length int) error {
	if e, ok := err.(*Error); ok && e.Rule == RuleLength && length > ai.max { //nolint:errorlint // made just here
		e.Rule = RuleSeparator
		e.Detail += ": is an FNC1 missing after it?"
	}
	return err
}

// quoted returns the beginning of data, for an error.
func quoted(data string) string {
	const most = 4
	if len(data) > most {
		return strings.TrimSuffix(strconv.Quote(data[:most]), `"`) + `…"`
	}
	return strconv.Quote(data)
}

// ElementString returns the elements as a reader sends them, with GS (0x1D) where
// an FNC1 is needed. ok is false if data identifiers are among them.
func (es Elements) ElementString() (text string, ok bool) {
	b, ok := es.appendSeparated(make([]byte, 0, es.size()), groupSeparator[0])
	return string(b), ok
}

// Caret returns the elements with "^" for FNC1, one in front and one wherever it
// is needed, as GS1's own tools write them. ok is false if data identifiers are
// among them.
func (es Elements) Caret() (text string, ok bool) {
	b, ok := es.appendSeparated(append(make([]byte, 0, es.size()), '^'), '^')
	if !ok {
		return "", false
	}
	return string(b), true
}

func (es Elements) appendSeparated(b []byte, separator byte) ([]byte, bool) {
	for i := range es {
		ai, ok := LookupAI(es[i].AI)
		if !ok {
			return nil, false
		}
		b = append(b, es[i].AI...)
		b = append(b, es[i].Value...)
		if !ai.Predefined && i < len(es)-1 {
			b = append(b, separator)
		}
	}
	return b, len(es) > 0
}

// size is about the length of what is built of es.
func (es Elements) size() int {
	n := 1
	for i := range es {
		n += len(es[i].AI) + len(es[i].Value) + 3
	}
	return n
}
