package processors

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/store"
)

// configChanged adds the audit event of a change of the master data from one state to
// another; either may be nil.
func (d *decision) configChanged(st *state, before, after any) {
	a := d.auditEvent(st, seriald.AuditConfigChanged, seriald.AuditSuccess)
	if before != nil {
		a.OldValues = values(before)
	}
	a.NewValues = values(struct {
		After   any             `json:"after"`
		Request json.RawMessage `json:"request"`
	}{after, d.item.event.Data})
	d.audit = append(d.audit, a)
}

// putSite adds a site or changes it.
func (d *decision) putSite(st *state) error {
	site, err := d.item.event.SitePut()
	if err != nil {
		return err
	}
	var before any
	if known := st.catalog.Sites[site.ID]; known != nil {
		before = known
	}
	d.master = append(d.master, &store.SiteChange{Site: site})
	d.configChanged(st, before, site)
	return nil
}

// deleteSite takes a site away to which nothing refers.
func (d *decision) deleteSite(st *state) error {
	id := d.item.fields.SiteID
	site := st.catalog.Sites[id]
	if site == nil {
		return seriald.Reject(seriald.CodeSiteNotFound, "siteId", "site %q is not known", id)
	}
	if by := referring(st.use); len(by) > 0 {
		return seriald.Reject(seriald.CodeInvalidState, "siteId", "site %s has %s: it can't be deleted", id, listed(by))
	}
	d.master = append(d.master, &store.SiteChange{Site: site, Deleted: true})
	d.configChanged(st, site, nil)
	return nil
}

// referring names what refers to a part or a site.
func referring(u store.Use) []string {
	var by []string
	if u.Serials {
		by = append(by, "serials")
	}
	if u.Placeholders {
		by = append(by, "placeholders")
	}
	return by
}

// putPart adds a part or changes it, if the formats that make its numbers remain
// right.
func (d *decision) putPart(st *state) error {
	part, err := d.item.event.PartPut()
	if err != nil {
		return err
	}
	c := st.catalog
	if part.GTIN != "" {
		if other := c.GTINs[part.GTIN]; other != nil && other.ID != part.ID {
			return seriald.Reject(seriald.CodeInvalidState, "gtin", "%s is the GTIN of part %s", part.GTIN, other.ID)
		}
	}
	if id := part.DefaultFormat; id != "" && c.Formats[id] == nil {
		return seriald.Reject(seriald.CodeFormatNotFound, "formatConfigId", "format %q is not known: add it, or mend the event", id)
	}
	changed := c.with(func(next *seriald.Catalog) {
		next.Parts = maps.Clone(c.Parts)
		next.Parts[part.ID] = part
	})
	if problems := changed.problemsOf(st, part.ID); len(problems) > 0 {
		return seriald.Reject(seriald.CodeValidation, "partId", "%s", strings.Join(problems, "; "))
	}
	var before any
	if known := c.Parts[part.ID]; known != nil {
		before = known
		if !samePolicy(known, part) {
			d.policy = part
		}
	}
	d.master = append(d.master, &store.PartChange{Part: part})
	d.configChanged(st, before, part)
	return nil
}

// with returns the catalog after a change. Its patterns are those of c.
func (c *catalog) with(change func(*seriald.Catalog)) *catalog {
	next := *c.Catalog
	change(&next)
	return &catalog{Catalog: &next, patterns: c.patterns}
}

// problemsOf tells what is wrong with the formats that make the numbers of a part.
func (c *catalog) problemsOf(st *state, part string) []string {
	var all []string
	for _, id := range slices.Sorted(maps.Keys(c.Formats)) {
		f, p, assignments := c.Formats[id], c.patterns[id], c.assignmentsOf(id)
		makes := func(u *seriald.Part) bool { return u.ID == part }
		if p == nil || !slices.ContainsFunc(usersOf(c.Catalog, id, assignments), makes) {
			continue
		}
		problems, _ := c.judge(st.now, f, p, assignments)
		for _, problem := range problems {
			all = append(all, fmt.Sprintf("format %s (%s): %s", id, f.Pattern, problem))
		}
	}
	return all
}

// deletePart takes a part away to which nothing refers.
func (d *decision) deletePart(st *state) error {
	id := d.item.fields.PartID
	part := st.catalog.Parts[id]
	if part == nil {
		return seriald.Reject(seriald.CodePartNotFound, "partId", "part %q is not known", id)
	}
	by := referring(st.use)
	for _, t := range st.catalog.Triggers[id] {
		by = append(by, "trigger "+t.ID.String())
	}
	for _, a := range st.catalog.Assignments {
		if a.PartID == id {
			by = append(by, "an assignment of format "+a.FormatID)
		}
	}
	if len(by) > 0 {
		return seriald.Reject(seriald.CodeInvalidState, "partId", "part %s has %s: it can't be deleted as long as it does", id, listed(by))
	}
	d.master = append(d.master, &store.PartChange{Part: part, Deleted: true})
	d.configChanged(st, part, nil)
	return nil
}
