package gs1

import (
	"slices"
	"strings"
)

const (
	// mostReadings is how many readings are told of what has more: enough to
	// see what the matter is.
	mostReadings = 16
	// mostSteps bounds the search for them.
	mostSteps = 20_000
)

// parseLost parses an element string whose FNC1s were dropped on the way. All its
// readings are looked for; only if there is one it is taken.
func (p Parser) parseLost(m *Message, at int) error {
	if strings.Contains(m.Text, groupSeparator) {
		return &Error{
			Position: at + strings.Index(m.Text, groupSeparator), Rule: RuleSeparator,
			Detail: "a GS (0x1D), but the profile says that the reader drops it: take lost out of the profile",
		}
	}
	s := search{data: m.Text, partial: p.Profile.Partial, dead: make([]bool, len(m.Text)+1)}
	s.from(0, make(Elements, 0, usualElements))
	switch {
	case s.steps == mostSteps && len(s.found) < 2:
		return &Error{Position: at, Rule: RuleAmbiguous, Detail: "without separators there are too many ways to read it"}
	case len(s.found) == 0:
		// The standard's own reading has the best to say about what is wrong.
		m.Elements = m.Elements[:0]
		if err := parseElementString(m.Text, at, &m.Elements); err != nil {
			return err
		}
		return m.Elements.CheckAssociations()
	case len(s.found) == 1:
		m.Elements = s.found[0]
		return nil
	}
	for _, es := range s.found {
		m.Ambiguous = append(m.Ambiguous, Message{Kind: KindGS1, Symbology: m.Symbology, Elements: es, Text: m.Text})
	}
	m.Kind = KindPlain
	return nil
}

// search looks for the readings of an element string without separators.
type search struct {
	data    string
	partial bool
	found   []Elements
	steps   int
	dead    []bool // places from which nothing can be read
}

// from looks for what can follow es at a place. It reports whether anything can
// be read from there, whatever comes before.
func (s *search) from(at int, es Elements) bool {
	if at == len(s.data) {
		if s.partial || es.CheckAssociations() == nil {
			s.found = append(s.found, slices.Clone(es))
		}
		return true
	}
	ai := leadingAI(s.data[at:])
	if ai == nil || s.dead[at] {
		return false
	}
	begin := at + len(ai.Code)
	least, most := 1, min(ai.max, len(s.data)-begin)
	if ai.Predefined {
		least = ai.max
	}
	alive := false
	for n := most; n >= least; n-- { // the standard's reading is the first
		if s.steps == mostSteps || len(s.found) == mostReadings {
			return true
		}
		s.steps++
		before := len(es)
		value := s.data[begin : begin+n]
		if ai.check(value, 0) != nil {
			continue
		}
		had, repeated := es.AI(ai.Code)
		if repeated && had != value {
			alive = true // not behind this one, but perhaps behind others
			continue
		}
		if !repeated {
			es = append(es, Element{AI: ai.Code, Value: value})
		}
		alive = s.from(begin+n, es) || alive
		es = es[:before]
	}
	s.dead[at] = !alive
	return alive
}
