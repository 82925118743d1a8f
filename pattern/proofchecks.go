package pattern

import (
	"fmt"
	"strings"
)

// lengths judges how long numbers are. Texts of events whose length is not known may be
// short: that they don't fit is no problem of the pattern, and refused when they come.
func (pr *prover) lengths() {
	certain := 0 // characters, where such texts have one each
	for i := range pr.elements {
		e := &pr.elements[i]
		least, most := pr.size(e)
		pr.proof.MinLength += least
		pr.proof.MaxLength += most
		if _, known := pr.use.Longest[e.text]; e.variable() && (!known || e.token == line) {
			most = least
		}
		certain += most
	}
	fits := func(room int, text string) {
		switch most := pr.proof.MaxLength; {
		case certain > room:
			pr.problem(0, "numbers can have %d characters, and "+text, most, room)
		case most > room:
			pr.warn(0, "numbers can have %d characters, and "+text+"; one that is longer is refused", most, room)
		}
	}
	if pr.use.GS1 {
		const gs1Serial = 20
		fits(gs1Serial, "AI (21) has room for %d: the part has a GTIN")
	}
	if pr.use.MaxLength > 0 {
		fits(pr.use.MaxLength, "there is room for %d")
	}
}

// size returns how many characters an element makes.
func (pr *prover) size(e *element) (least, most int) {
	switch e.token {
	case literal:
		n := len([]rune(e.text))
		return n, n
	case sequence, serialRandom, random, check:
		return e.width, e.width
	case year4, isoYear:
		return 4, 4
	case dayOfYear:
		return 3, 3
	case yearCode, monthCode:
		return 1, 1
	}
	if e.variable() {
		if n, ok := pr.use.Longest[e.text]; ok {
			return 1, n
		}
		return 1, LongestText
	}
	return 2, 2
}

// gs1Set are the characters of GS1 AI encodable character set 82.
var gs1Set = setOf(base36 + "abcdefghijklmnopqrstuvwxyz" + `!"%&'()*+,-./:;<=>?_`)

// characters judges what numbers are made of.
func (pr *prover) characters() {
	for i := range pr.elements {
		e := &pr.elements[i]
		for at, c := range e.text {
			if e.token != literal {
				break
			}
			switch {
			case c < ' ' || c == 0x7f:
				pr.problem(e.at+at, "%q is no character of a number: it can't be printed", c)
			case pr.use.GS1 && (c > 0x7f || !gs1Set.has(byte(c))):
				pr.problem(e.at+at, "%q is not in GS1's character set 82, which AI (21) is made of: the part has a GTIN", c)
			case c == ' ' && (i == 0 && at == 0 || i == len(pr.elements)-1 && at == len(e.text)-1):
				pr.warn(e.at+at, "a space at the edge of a number is taken away when it is scanned")
			}
		}
		if pr.use.GS1 && e.variable() && e.token != site && e.token != line {
			pr.warn(e.at, "{%s} may bring characters that AI (21) can't have: such a number is refused", e.text)
		}
	}
}

// checks judges what check characters protect.
func (pr *prover) checks() {
	for i := range pr.elements {
		e := &pr.elements[i]
		if e.token != check {
			continue
		}
		if open := pr.unprotected(e.scheme, pr.elements[:i]); open != "" {
			pr.warn(e.at, "%s does not cover %s: errors there are not found; %s cover letters and digits", e.scheme, open, strings.Join(covering(), ", "))
		}
		most := 0
		for j := range i {
			_, n := pr.size(&pr.elements[j])
			most += n
		}
		if room := e.scheme.Most(); room > 0 && most > room {
			pr.problem(e.at, "%s covers at most %d characters, and there can be %d before it", e.scheme, room, most)
		}
		if i == 0 || !pr.covers(e.scheme, pr.elements[:i]) {
			pr.problem(e.at, "%s has no character before it that it covers", e.scheme)
		}
		for _, behind := range pr.elements[i+1:] {
			if behind.token != literal && behind.token != check {
				pr.warn(e.at, "{%s} does not cover what stands behind it: put it at the end", e.text)
				break
			}
		}
	}
}

// made returns the letters and digits that an element makes, as far as they are
// known.
func made(e *element) string {
	switch e.token {
	case literal:
		return e.text
	case sequence, serialRandom, random:
		return e.digits
	case check:
		return e.scheme.Characters()
	case yearCode:
		return yearCodes
	case monthCode:
		return monthCodes
	}
	if e.variable() {
		return base36
	}
	return base10
}

// unprotected names what a scheme skips of letters and digits before it.
func (pr *prover) unprotected(s Scheme, before []element) string {
	var names []string
	for i := range before {
		e := &before[i]
		skipped := strings.ContainsFunc(made(e), func(c rune) bool {
			plain := c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
			return plain && !s.Covers(byte(c))
		})
		if !skipped {
			continue
		}
		if e.token == literal {
			names = append(names, fmt.Sprintf("%q", e.text))
		} else {
			names = append(names, "{"+e.text+"}")
		}
	}
	return strings.Join(names, ", ")
}

// covers reports whether a scheme covers anything before it for certain.
func (pr *prover) covers(s Scheme, before []element) bool {
	for i := range before {
		e := &before[i]
		covered := func(c rune) bool { return c < 0x80 && s.Covers(byte(c)) }
		switch {
		case e.token == literal && strings.ContainsFunc(e.text, covered),
			e.token != literal && !e.variable() && !strings.ContainsFunc(made(e), func(c rune) bool { return !covered(c) }):
			return true
		}
	}
	return false
}

// covering are the schemes that cover letters and digits.
func covering() []string {
	var all []string
	for _, s := range Schemes() {
		if s.Covers('A') && s.Covers('Z') && s.Covers('0') {
			all = append(all, string(s))
		}
	}
	return all
}
