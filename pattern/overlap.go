package pattern

import "slices"

// set is a set of bytes.
type set [4]uint64

func (s *set) add(c byte)     { s[c>>6] |= 1 << (c & 63) }
func (s set) has(c byte) bool { return s[c>>6]&(1<<(c&63)) != 0 }

// common returns a byte of both sets, one that is printed well if there is one.
func common(a, b set) (byte, bool) {
	for i := range a {
		a[i] &= b[i]
	}
	if a == (set{}) {
		return 0, false
	}
	for _, likely := range []string{"0123456789", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz"} {
		for i := range len(likely) {
			if a.has(likely[i]) {
				return likely[i], true
			}
		}
	}
	for c := range 256 {
		if a.has(byte(c)) {
			return byte(c), true
		}
	}
	return 0, false
}

func setOf(chars string) set {
	var s set
	for i := range len(chars) {
		s.add(chars[i])
	}
	return s
}

// The characters of what comes with an event: those of a topic's tokens, or any
// that is printed.
var (
	tokenSet = setOf(base36 + "abcdefghijklmnopqrstuvwxyz_-")
	anySet   = func() (s set) {
		for c := ' '; c <= 255; c++ {
			s.add(byte(c))
		}
		return s
	}()
)

// automaton is what a pattern's numbers look like: states from 0, the first, to the
// last, which ends a number. It takes every number that the pattern makes. It takes
// more: it does not know which days a month has, and not what a check character is
// of.
type automaton [][]move

type move struct {
	on set
	to int
}

// automaton returns that of p; with fold, letters of both cases are the same.
func (p *Pattern) automaton(fold bool) automaton {
	a := automaton{nil}
	for i := range p.elements {
		a.append(&p.elements[i], fold)
	}
	return a
}

// step adds a state behind the last, reached by a character of on.
func (a *automaton) step(on set, fold bool) {
	last := len(*a) - 1
	(*a)[last] = append((*a)[last], move{folded(on, fold), last + 1})
	*a = append(*a, nil)
}

// either adds one state behind the last, reached by one of some texts of the same
// length.
func (a *automaton) either(texts []string) {
	from := len(*a) - 1
	var ends []int
	for _, text := range texts {
		at := from
		for i := range len(text) - 1 {
			*a = append(*a, nil)
			(*a)[at] = append((*a)[at], move{setOf(text[i : i+1]), len(*a) - 1})
			at = len(*a) - 1
		}
		ends = append(ends, at)
	}
	*a = append(*a, nil)
	end := len(*a) - 1
	for i, at := range ends {
		(*a)[at] = append((*a)[at], move{setOf(texts[i][len(texts[i])-1:]), end})
	}
}

// folded adds the other case of each letter.
func folded(s set, fold bool) set {
	if !fold {
		return s
	}
	for c := byte('A'); c <= 'Z'; c++ {
		if lower := c | 0x20; s.has(c) || s.has(lower) {
			s.add(c)
			s.add(lower)
		}
	}
	return s
}

// append adds what an element makes.
func (a *automaton) append(e *element, fold bool) {
	digit := setOf(base10)
	repeat := func(on set, n int) {
		for range n {
			a.step(on, fold)
		}
	}
	switch e.token {
	case literal:
		for i := range len(e.text) {
			a.step(setOf(e.text[i:i+1]), fold)
		}
	case sequence, serialRandom, random:
		repeat(setOf(e.digits), e.width)
	case check:
		repeat(setOf(e.scheme.Characters()), e.width)
	case year4, isoYear:
		repeat(digit, 4)
	case year2:
		repeat(digit, 2)
	case yearCode:
		repeat(setOf(yearCodes), 1)
	case monthCode:
		repeat(setOf(monthCodes), 1)
	case month:
		a.either(numbers(1, 12, 2))
	case day:
		a.either(numbers(1, 31, 2))
	case dayOfYear:
		a.either(numbers(1, 366, 3))
	case isoWeek:
		a.either(numbers(1, 53, 2))
	case hour:
		a.either(numbers(0, 23, 2))
	case site, line:
		a.loop(tokenSet, fold)
	default:
		a.loop(anySet, fold)
	}
}

// loop adds one state that is reached by one character of on or more.
func (a *automaton) loop(on set, fold bool) {
	a.step(on, fold)
	last := len(*a) - 1
	(*a)[last] = append((*a)[last], move{folded(on, fold), last})
}

func numbers(from, to, width int) []string {
	var all []string
	for n := from; n <= to; n++ {
		all = append(all, string(appendNumber(nil, int64(n), width, base10)))
	}
	return all
}

// Overlap looks for a number that both patterns may make, and returns the shortest
// there is; ok is false if it is proven that there is none. With fold, numbers that
// differ in upper and lower case only are the same.
//
// It decides on all that the two can make, not on samples. It leaves aside which
// days a month has and what a check character is calculated of: so ok may be true
// for patterns that never meet, but not false for two that may.
func Overlap(a, b *Pattern, fold bool) (number string, ok bool) {
	type pair struct{ a, b int }
	type origin struct {
		from pair
		by   byte
	}
	first, second := a.automaton(fold), b.automaton(fold)
	end := pair{len(first) - 1, len(second) - 1}
	begin := pair{}
	came := map[pair]origin{begin: {}}
	for queue := []pair{begin}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		for _, m := range first[at.a] {
			for _, n := range second[at.b] {
				c, meet := common(m.on, n.on)
				to := pair{m.to, n.to}
				if _, seen := came[to]; !meet || seen {
					continue
				}
				came[to] = origin{at, c}
				if to == end {
					var text []byte
					for ; to != begin; to = came[to].from {
						text = append(text, came[to].by)
					}
					slices.Reverse(text)
					return string(text), true
				}
				queue = append(queue, to)
			}
		}
	}
	return "", false
}

// Matches reports whether p may make a number. It may say yes for one that p never
// makes, as [Overlap] does, but not no for one that it may.
func (p *Pattern) Matches(number string) bool {
	a := p.automaton(false)
	at := make([]bool, len(a))
	at[0] = true
	for i := range len(number) {
		next := make([]bool, len(a))
		for state, on := range at {
			if !on {
				continue
			}
			for _, m := range a[state] {
				next[m.to] = next[m.to] || m.on.has(number[i])
			}
		}
		at = next
	}
	return at[len(a)-1]
}
