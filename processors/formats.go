package processors

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/pattern"
	"github.com/machshop/seriald/store"
)

// putFormat adds a format or changes it, if nothing is wrong with its pattern where
// it is used.
func (d *decision) putFormat(st *state) error {
	put, err := d.item.event.FormatPut()
	if err != nil {
		return err
	}
	f := &put.Format
	p, err := pattern.Parse(f.Pattern)
	if err != nil {
		return seriald.Reject(seriald.CodeValidation, "pattern", "%v", err)
	}
	for _, a := range put.Assignments {
		if a.PartID != "" && st.catalog.Parts[a.PartID] == nil {
			return seriald.Reject(seriald.CodePartNotFound, "assignments", "part %q is not known: add it, or mend the event", a.PartID)
		}
	}
	problems, warnings := st.catalog.judge(st.now, f, p, put.Assignments)
	if len(problems) > 0 {
		return seriald.Reject(seriald.CodeValidation, "pattern", "%s", strings.Join(problems, "; "))
	}
	before := st.catalog.Formats[f.ID]
	if before != nil && st.catalog.patterns[f.ID] != nil && made(before) != made(f) {
		if number, ok := pattern.Overlap(p, st.catalog.patterns[f.ID], false); ok {
			warnings = append(warnings, fmt.Sprintf("numbers such as %s were made by the version before, too: those that are taken are passed over", number))
		}
	}
	if len(warnings) > 0 {
		d.outcome.Message = strings.Join(warnings, "; ")
	}
	d.master = append(d.master, &store.FormatChange{Format: *f, Assignments: put.Assignments})
	d.configChanged(st, valuesOf(before, st.catalog.assignmentsOf(f.ID)), valuesOf(f, put.Assignments))
	return nil
}

// judge tells what is wrong with a format where it is used, and what is worth knowing.
func (c *catalog) judge(now time.Time, f *seriald.Format, p *pattern.Pattern, assignments []*seriald.FormatAssignment) (problems, warnings []string) {
	used := usersOf(c.Catalog, f.ID, assignments)
	proof := p.Prove(used.use(c, now, f))
	for _, one := range proof.Problems {
		problems = append(problems, written(one))
	}
	for _, one := range proof.Warnings {
		warnings = append(warnings, written(one))
	}
	if f.Active {
		problems = append(problems, used.overlaps(c, f, p)...)
	}
	return problems, warnings
}

// assignmentsOf returns those of a format.
func (c *catalog) assignmentsOf(id string) []*seriald.FormatAssignment {
	return slices.DeleteFunc(slices.Clone(c.Assignments), func(a *seriald.FormatAssignment) bool { return a.FormatID != id })
}

// made is what the numbers of a format are made of.
func made(f *seriald.Format) [5]any {
	return [5]any{f.Pattern, f.Start, f.Increment, f.Reset, f.CounterScope}
}

func written(p pattern.Problem) string {
	if p.Position > 0 {
		return fmt.Sprintf("position %d: %s", p.Position, p.Message)
	}
	return p.Message
}

// deleteFormat takes a format away, if nothing refers to it. Its counters stay.
func (d *decision) deleteFormat(st *state) error {
	id := d.item.fields.FormatConfigID
	f := st.catalog.Formats[id]
	if f == nil {
		return seriald.Reject(seriald.CodeFormatNotFound, "formatConfigId", "format %q is not known", id)
	}
	var by []string
	for _, part := range slices.Sorted(maps.Keys(st.catalog.Parts)) {
		if st.catalog.Parts[part].DefaultFormat == id {
			by = append(by, "part "+part)
		}
		for _, t := range st.catalog.Triggers[part] {
			if t.FormatID == id {
				by = append(by, "trigger "+t.ID.String()+" of part "+part)
			}
		}
	}
	if len(by) > 0 {
		return seriald.Reject(seriald.CodeInvalidState, "formatConfigId", "format %s is used by %s: give these another one first", id, listed(by))
	}
	d.master = append(d.master, &store.FormatChange{Format: *f, Deleted: true})
	d.configChanged(st, valuesOf(f, st.catalog.assignmentsOf(id)), nil)
	return nil
}

// listed writes a list of which the first ten count.
func listed(all []string) string {
	const most = 10
	if n := len(all); n > most {
		all = append(slices.Clip(all[:most]), fmt.Sprintf("%d more", n-most))
	}
	return strings.Join(all, ", ")
}

// formatValues are those of a format in the audit: its key is none of them.
type formatValues struct {
	ID           string               `json:"formatConfigId"`
	Name         string               `json:"name"`
	Active       bool                 `json:"active"`
	Pattern      string               `json:"pattern"`
	Start        int64                `json:"counterStart"`
	Increment    int64                `json:"increment"`
	Reset        seriald.Reset        `json:"reset"`
	CounterScope seriald.CounterScope `json:"counterScope"`
	Version      int                  `json:"version,omitempty"` // of what was before
	Assignments  int                  `json:"assignments"`
}

// valuesOf returns nil for no format.
func valuesOf(f *seriald.Format, assignments []*seriald.FormatAssignment) any {
	if f == nil {
		return nil
	}
	return &formatValues{f.ID, f.Name, f.Active, f.Pattern, f.Start, f.Increment, f.Reset, f.CounterScope, f.Version, len(assignments)}
}

// users are the parts whose numbers a format makes.
type users []*seriald.Part

// usersOf returns those of a format whose assignments are as given.
func usersOf(c *seriald.Catalog, id string, assignments []*seriald.FormatAssignment) users {
	var all users
	for _, name := range slices.Sorted(maps.Keys(c.Parts)) {
		part := c.Parts[name]
		uses := part.DefaultFormat == id ||
			slices.ContainsFunc(c.Triggers[name], func(t *seriald.Trigger) bool { return t.FormatID == id }) ||
			slices.ContainsFunc(assignments, func(a *seriald.FormatAssignment) bool {
				return a.PartID == name || a.PartID == "" && a.PartType == part.Type
			})
		if uses {
			all = append(all, part)
		}
	}
	return all
}

// anyPart stands for the parts of a format that has none yet.
var anyPart = &seriald.Part{UniquenessScopes: []seriald.Scope{seriald.ScopeSite, seriald.ScopePartType}}

// orAny returns u, or the part that stands for any if there is none.
func (u users) orAny() users {
	if len(u) == 0 {
		return users{anyPart}
	}
	return u
}

// kinds returns one part of each kind that makes a difference: thousands of parts
// are of a few.
func (u users) kinds() users {
	var kinds users
	seen := map[string]bool{}
	for _, part := range u.orAny() {
		key := fmt.Sprint(part.UniquenessScopes, part.Rule.Fold, part.Type)
		if !seen[key] {
			seen[key] = true
			kinds = append(kinds, part)
		}
	}
	return kinds
}

// use is how the format makes the numbers of its parts.
func (u users) use(c *catalog, now time.Time, f *seriald.Format) pattern.Use {
	use := pattern.Use{
		Start: f.Start, Increment: f.Increment, MaxLength: seriald.MaxFieldLength, Year: now.Year(), Longest: map[string]int{},
		BySite: f.CounterScope == seriald.CounterPerSite || f.CounterScope == seriald.CounterPerSitePart,
		ByPart: f.CounterScope == seriald.CounterPerPart || f.CounterScope == seriald.CounterPerSitePart,
	}
	if f.Reset != seriald.ResetNever {
		use.Period, use.Unit = f.Reset.Period, f.Reset.Unit()
	}
	for _, part := range u.orAny() {
		for _, s := range part.UniquenessScopes {
			use.AcrossSites = use.AcrossSites || s != seriald.ScopeSite
			use.AcrossParts = true
		}
		use.GS1 = use.GS1 || part.GTIN != ""
		use.Longest["PART"] = max(use.Longest["PART"], len(part.ID))
	}
	for id := range c.Sites {
		use.Longest["SITE"] = max(use.Longest["SITE"], len(id))
	}
	if len(u) == 0 {
		delete(use.Longest, "PART")
	}
	const token = 64 // of a topic
	use.Longest["LINE"] = token
	use.Longest["SITE"] = cmp.Or(use.Longest["SITE"], token)
	return use
}

// overlaps tells which other active formats make numbers that f makes, where both
// must be unique.
func (u users) overlaps(c *catalog, f *seriald.Format, p *pattern.Pattern) []string {
	var all []string
	for _, id := range slices.Sorted(maps.Keys(c.Formats)) {
		other := c.Formats[id]
		q := c.patterns[id]
		if id == f.ID || !other.Active || q == nil {
			continue
		}
		meet, fold := u.meet(usersOf(c.Catalog, id, c.assignmentsOf(id)))
		if !meet {
			continue
		}
		if number, ok := pattern.Overlap(p, q, fold); ok {
			all = append(all, fmt.Sprintf("format %s (%s) makes the same numbers, such as %s: give one of them a text of its own in front", id, other.Pattern, number))
		}
	}
	return all
}

// meet reports whether numbers of some parts must differ from those of others, and
// whether upper and lower case make no difference.
func (u users) meet(others users) (meet, fold bool) {
	for _, a := range u.kinds() {
		for _, b := range others.kinds() {
			for _, s := range a.UniquenessScopes {
				if !slices.Contains(b.UniquenessScopes, s) {
					continue
				}
				if s == seriald.ScopePartType && a != anyPart && b != anyPart && a.Type != b.Type {
					continue
				}
				meet, fold = true, fold || a.Rule.Fold || b.Rule.Fold
			}
		}
	}
	return meet, fold
}
