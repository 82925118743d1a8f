package processors

import (
	"fmt"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/pattern"
)

// catalog is the master data with its patterns parsed.
type catalog struct {
	*seriald.Catalog
	patterns map[string]*pattern.Pattern
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
	return out, first
}
