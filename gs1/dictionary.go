package gs1

import (
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
)

// AI is an application identifier: what two to four digits in front of a value
// say that the value is (GS1 General Specifications, section 3).
type AI struct {
	Code  string // its digits
	Title string // the data title, as printed beside it: "BATCH/LOT"
	// Predefined says that the value has the length its first two digits give,
	// so no FNC1 follows it (figure 7.8.5-2).
	Predefined bool
	// Attribute says that it may be in the query of a Digital Link.
	Attribute bool

	components []component
	max        int // bytes of the longest value
	requires   [][]group
	excludes   []string
	// qualifiers are the sequences that may follow it in the path of a Digital
	// Link; nil if it is no key.
	qualifiers [][]string
}

// Key reports whether ai identifies a thing: a Digital Link can begin with it.
func (ai *AI) Key() bool { return ai.qualifiers != nil }

// component is a part of a value that is judged by itself.
type component struct {
	set      charset
	min, max int
	optional bool
	checks   []check
}

// check is a rule for the content of a component.
type check struct {
	name Rule
	find func(value string) *fault
}

// fault is what a check finds.
type fault struct {
	at     int // in the value, from 0
	detail string
}

// charset is the set of characters of a component (GS1 General Specifications,
// section 7.11).
type charset byte

const (
	numeric charset = 'N'
	cset82  charset = 'X' // figure 7.11-1
	cset39  charset = 'Y' // figure 7.11-2
	cset64  charset = 'Z' // file-safe base 64, figure 7.11-3
)

// group are AIs or patterns ("35nn") that must be there together.
type group []string

// maxAI is the number of digits of the longest AI.
const maxAI = 4

var (
	// ordered are all AIs by their digits.
	ordered []*AI
	// byCode finds an AI by its digits: two, three and four of them don't meet,
	// as each number is offset by what is shorter.
	byCode [100 + 1000 + 10000]*AI
	// digitsOf is the number of digits of the AIs that begin with two digits.
	digitsOf [100]uint8
)

func init() { //nolint:gochecknoinits // the table is written to be read, and is unfolded once
	for _, r := range table {
		for _, ai := range r.unfold() {
			ordered = append(ordered, ai)
			byCode[slot(ai.Code)] = ai
			digitsOf[slot(ai.Code[:2])] = uint8(len(ai.Code))
		}
	}
}

// slot is the place of a code of two to four digits in byCode.
func slot(code string) int {
	n := 0
	for i := range len(code) {
		n = 10*n + int(code[i]-'0')
	}
	switch len(code) {
	case 3:
		return 100 + n
	case 4:
		return 1100 + n
	}
	return n
}

// LookupAI returns the application identifier with these digits.
func LookupAI(code string) (*AI, bool) {
	if len(code) < 2 || len(code) > maxAI || !digits(code) {
		return nil, false
	}
	ai := byCode[slot(code)]
	return ai, ai != nil
}

// AIs returns all application identifiers, by their digits.
func AIs() iter.Seq[*AI] { return slices.Values(ordered) }

// leadingAI returns the AI that data begins with; nil if there is none. No AI is
// the beginning of another.
func leadingAI(data string) *AI {
	if len(data) < 2 || !digits(data[:2]) {
		return nil
	}
	n := int(digitsOf[slot(data[:2])])
	if n == 0 || len(data) < n || !digits(data[:n]) {
		return nil
	}
	return byCode[slot(data[:n])]
}

// digits reports whether s has digits only.
func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// row is one line of the table: AIs in a row with everything in common.
type row struct {
	first string
	count int
	flags flags
	spec  string
	rules string
	title string
}

type flags uint8

const (
	fixed flags = 1 << iota // of predefined length
	attr                    // may be in the query of a Digital Link
)

func (r row) unfold() []*AI {
	number, err := strconv.Atoi(r.first)
	if err != nil {
		panic(err)
	}
	all := make([]*AI, r.count)
	for i := range all {
		ai := &AI{
			Code: fmt.Sprintf("%0*d", len(r.first), number+i), Title: r.title,
			Predefined: r.flags&fixed != 0, Attribute: r.flags&attr != 0,
		}
		for text := range strings.FieldsSeq(r.spec) {
			c := parseComponent(text)
			ai.components = append(ai.components, c)
			ai.max += c.max
		}
		for text := range strings.FieldsSeq(r.rules) {
			ai.addRule(text)
		}
		all[i] = ai
	}
	return all
}

// parseComponent reads "N18:csum", "X..20" or "[N3]:iso3166".
func parseComponent(text string) component {
	names := strings.Split(text, ":")
	size, optional := strings.CutPrefix(names[0], "[")
	size = strings.TrimSuffix(size, "]")
	c := component{set: charset(size[0]), optional: optional}
	length, variable := strings.CutPrefix(size[1:], "..")
	var err error
	if c.max, err = strconv.Atoi(length); err != nil {
		panic(err)
	}
	if c.min = c.max; variable {
		c.min = 1
	}
	for _, name := range names[1:] {
		find, ok := checks[Rule(name)]
		if !ok {
			panic("no check " + name)
		}
		c.checks = append(c.checks, check{Rule(name), find})
	}
	return c
}

// addRule reads "req=01+21,02", "ex=310n" or "dlpkey=22,10,21|235".
func (ai *AI) addRule(text string) {
	name, list, _ := strings.Cut(text, "=")
	switch name {
	case "req":
		var alternatives []group
		for one := range strings.SplitSeq(list, ",") {
			alternatives = append(alternatives, strings.Split(one, "+"))
		}
		ai.requires = append(ai.requires, alternatives)
	case "ex":
		ai.excludes = append(ai.excludes, strings.Split(list, ",")...)
	case "dlpkey":
		ai.qualifiers = [][]string{}
		for sequence := range strings.SplitSeq(list, "|") {
			var codes []string
			if sequence != "" {
				codes = strings.Split(sequence, ",")
			}
			ai.qualifiers = append(ai.qualifiers, codes)
		}
	default:
		panic("no rule " + name)
	}
}
