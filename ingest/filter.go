package ingest

import "strings"

// filter is an MQTT topic filter by its levels: "+" stands for one level, "#",
// at the end, for any number of them, none included. A wildcard on the first
// level does not match topics that begin with "$": they are the broker's own.
// (MQTT 3.1.1, section 4.7.)
type filter []string

func parseFilter(s string) filter { return strings.Split(s, "/") }

// String returns f as it is subscribed.
func (f filter) String() string { return strings.Join(f, "/") }

func wildcard(level string) bool { return level == "+" || level == "#" }

// reserved reports whether level, the first of a topic, is out of reach of
// wildcards.
func reserved(level string) bool { return strings.HasPrefix(level, "$") }

// widened returns f with a level for "#" where there must be one: a topic is not
// empty. So equal filters are written in one way.
func (f filter) widened() filter {
	if f[0] == "#" {
		return filter{"+", "#"}
	}
	if len(f) == 2 && f[0] == "" && f[1] == "#" {
		return filter{"", "+", "#"}
	}
	return f
}

// common returns a topic that both f and g match; ok is false if there is none.
func (f filter) common(g filter) (topic string, ok bool) {
	f, g = f.widened(), g.widened()
	var levels []string
	for i := 0; ; i++ {
		switch {
		case i == len(f) && i == len(g):
			return strings.Join(levels, "/"), true
		case i < len(f) && f[i] == "#":
			return withRest(levels, g[i:]), true
		case i < len(g) && g[i] == "#":
			return withRest(levels, f[i:]), true
		case i == len(f) || i == len(g):
			return "", false
		}
		level := f[i]
		if level == "+" {
			level = g[i]
		}
		if g[i] != "+" && level != g[i] {
			return "", false
		}
		if i == 0 && reserved(level) && (f[0] == "+" || g[0] == "+") {
			return "", false
		}
		levels = append(levels, standIn(level))
	}
}

// withRest ends a topic where one filter's "#" leaves the rest to the other.
func withRest(levels []string, rest filter) string {
	for _, level := range rest {
		if level == "#" {
			break
		}
		levels = append(levels, standIn(level))
	}
	return strings.Join(levels, "/")
}

func standIn(level string) string {
	if wildcard(level) {
		return "x"
	}
	return level
}

// covers reports whether f matches every topic that g matches.
func (f filter) covers(g filter) bool {
	f, g = f.widened(), g.widened()
	if reserved(g[0]) && wildcard(f[0]) {
		return false
	}
	for i := range f {
		switch {
		case f[i] == "#":
			return true
		case i == len(g) || g[i] == "#":
			return false
		case f[i] != "+" && f[i] != g[i]:
			return false
		}
	}
	return len(f) == len(g)
}

// tree finds what was added for the filter that matches a topic. No two filters
// may match one topic, except that one covers the other: then the narrower one
// is found, because a level's own name goes before "+".
type tree struct {
	named map[string]*tree
	any   *tree  // "+"
	here  *route // the filter ends here
	below *route // "#"
}

func (t *tree) add(f filter, r *route) {
	for _, level := range f {
		switch level {
		case "#":
			t.below = r
			return
		case "+":
			if t.any == nil {
				t.any = &tree{}
			}
			t = t.any
		default:
			next := t.named[level]
			if next == nil {
				next = &tree{}
				if t.named == nil {
					t.named = map[string]*tree{}
				}
				t.named[level] = next
			}
			t = next
		}
	}
	t.here = r
}

// find returns nil if nothing matches. Each node is visited once at most,
// whatever the topic.
func (t *tree) find(levels []string, first bool) *route {
	if len(levels) == 0 {
		if t.here != nil {
			return t.here
		}
		return t.below
	}
	if next := t.named[levels[0]]; next != nil {
		if r := next.find(levels[1:], false); r != nil {
			return r
		}
	}
	if first && reserved(levels[0]) {
		return nil
	}
	if t.any != nil {
		if r := t.any.find(levels[1:], false); r != nil {
			return r
		}
	}
	return t.below
}
