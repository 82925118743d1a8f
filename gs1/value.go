package gs1

import (
	"fmt"
	"strings"
)

// Check reports what is wrong with a value of ai: its length, its characters,
// its content. The error is an *[Error].
func (ai *AI) Check(value string) error { return ai.check(value, 0) }

// check is Check for a value that begins at a place of the scan, 0 for none.
func (ai *AI) check(value string, at int) error {
	wrong := func(offset int, rule Rule, format string, args ...any) error {
		e := &Error{ID: ai.Code, Rule: rule, Detail: fmt.Sprintf(format, args...)}
		if at > 0 {
			e.Position = at + offset
		}
		return e
	}
	if value == "" {
		return wrong(0, RuleLength, "has no value; must have %s", ai.lengths())
	}
	done := 0
	for i := range ai.components {
		c := &ai.components[i]
		rest := value[done:]
		if rest == "" && c.optional {
			break
		}
		if len(rest) < c.min {
			return wrong(done, RuleLength, "has %d characters, must have %s", len(value), ai.lengths())
		}
		part := rest[:min(len(rest), c.max)]
		if bad := c.set.indexNot(part); bad >= 0 {
			return wrong(done+bad, RuleCharacter, "%q is not %s", rune(part[bad]), c.set)
		}
		for _, k := range c.checks {
			if f := k.find(part); f != nil {
				return wrong(done+f.at, k.name, "%s", f.detail)
			}
		}
		done += len(part)
	}
	if done < len(value) {
		return wrong(done, RuleLength, "has %d characters, must have %s", len(value), ai.lengths())
	}
	return nil
}

// lengths says which lengths a value may have: "14", "1 to 20", "13 to 30".
func (ai *AI) lengths() string {
	least := 0
	for _, c := range ai.components {
		if !c.optional {
			least += c.min
		}
	}
	if least == ai.max {
		return fmt.Sprint(ai.max)
	}
	return fmt.Sprintf("%d to %d", least, ai.max)
}

// String names the set.
func (s charset) String() string {
	switch s {
	case numeric:
		return "a digit"
	case cset39:
		return "in GS1 AI encodable character set 39 (A-Z 0-9 # - /)"
	case cset64:
		return "in GS1 AI encodable character set 64 (A-Z a-z 0-9 - _ =)"
	}
	return "in GS1 AI encodable character set 82"
}

// members are the characters of each set, by their byte.
var members = func() (m [256]uint8) {
	add := func(bit uint8, chars string) {
		for i := range len(chars) {
			m[chars[i]] |= bit
		}
	}
	const figures, upper, lower = "0123456789", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz"
	add(in82, figures+upper+lower+`!"%&'()*+,-./:;<=>?_`)
	add(in39, figures+upper+"#-/")
	add(in64, figures+upper+lower+"-_=")
	return m
}()

const (
	in82 = 1 << iota
	in39
	in64
)

// indexNot returns the place of the first character of s that is not in the set;
// -1 if all are.
func (s charset) indexNot(text string) int {
	bit := uint8(in82)
	switch s {
	case numeric:
		return strings.IndexFunc(text, func(c rune) bool { return c < '0' || c > '9' })
	case cset39:
		bit = in39
	case cset64:
		bit = in64
	}
	for i := range len(text) {
		if members[text[i]]&bit == 0 {
			return i
		}
	}
	return -1
}
