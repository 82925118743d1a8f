package processors

import (
	"fmt"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/pattern"
	"github.com/machshop/seriald/store"
)

// catalog is the master data with its patterns parsed.
type catalog struct {
	*seriald.Catalog
	patterns map[string]*pattern.Pattern
	// assignments are the formats that are assigned to a part, or to its family, in the
	// order in which they win.
	assignments map[string][]*seriald.FormatAssignment
	// permutations are those of the counters that run; making one can take as long as
	// making a thousand numbers.
	permutations map[store.Counter]*pattern.Permutation
}

// mostPermutations bounds their memory, 20 kB each.
const mostPermutations = 256

// permutation returns that of a counter. Each has one of its own: the numbers of a
// day say nothing about those of another.
func (c *catalog) permutation(format *seriald.Format, counter store.Counter, size uint64) (*pattern.Permutation, error) {
	if p := c.permutations[counter]; p != nil {
		return p, nil
	}
	p, err := pattern.NewPermutation(format.Key, []byte(counter.Scope+"\x1f"+counter.Period), size)
	if err != nil {
		return nil, err
	}
	if c.permutations == nil || len(c.permutations) == mostPermutations {
		c.permutations = map[store.Counter]*pattern.Permutation{}
	}
	c.permutations[counter] = p
	return p, nil
}

// compile parses the patterns of c. A pattern that does not parse can't have
// come through the service; its format is left out, so that only what uses it
// is refused.
func compile(c *seriald.Catalog) (*catalog, error) {
	out := &catalog{Catalog: c, patterns: make(map[string]*pattern.Pattern, len(c.Formats))}
	var first error
	for id, f := range c.Formats {
		p, err := pattern.Parse(f.Pattern)
		if err != nil {
			if first == nil {
				first = fmt.Errorf("format %s: %w", id, err)
			}
			continue
		}
		out.patterns[id] = p
	}
	families := map[string][]string{}
	for id, part := range c.Parts {
		families[part.Type] = append(families[part.Type], id)
	}
	out.assignments = map[string][]*seriald.FormatAssignment{}
	for _, a := range c.Assignments {
		parts := families[a.PartType]
		if a.PartID != "" {
			parts = []string{a.PartID}
		}
		for _, id := range parts {
			out.assignments[id] = append(out.assignments[id], a)
		}
	}
	return out, first
}
