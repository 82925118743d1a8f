package processors

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/machshop/seriald"
)

// dispute is a conflict, with what it is about as the model names it.
type dispute struct {
	id                      seriald.ID
	holder, part, canonical string
	resolution              seriald.Resolution // "" as long as it is open
	challengers             []challenger
}

// challenger is an event that asked for what somebody has, and the unit that it would
// have made.
type challenger struct {
	event               seriald.EventID
	part, number        string
	unit                bool
	site, vendor        string
	placeholder, unitID seriald.ID
}

// loss is that an event did not get a number.
type loss struct {
	challenger
	holders map[seriald.Scope]string
}

func (d *dispute) String() string {
	var challengers []string
	for _, h := range d.challengers {
		unit := "no unit"
		if h.unit {
			unit = h.site + " " + h.vendor
		}
		challengers = append(challengers, fmt.Sprint(h.event, " ", h.part, " ", h.number, " ", unit, " ", h.placeholder, " ", h.unitID))
	}
	slices.Sort(challengers)
	return fmt.Sprint("conflict ", d.id, " ", d.holder, " ", d.part, " ", d.canonical, " ", d.resolution, challengers)
}

// take gives claims to a holder: what is free, what is registered for a unit's part, and
// what from gives up. It returns who has the others; then it gets none.
func (m *model) take(part, holder string, claims []scoped, from string) map[seriald.Scope]string {
	lost := map[seriald.Scope]string{}
	for _, c := range claims {
		h, held := m.holders[c.key]
		if of, registered := m.registered[h]; held && h != from && (!registered || of != part) {
			lost[c.scope] = h
		}
	}
	if len(lost) > 0 {
		return lost
	}
	for _, c := range claims {
		h, held := m.holders[c.key]
		m.holders[c.key] = holder
		if held && h != from && h != holder {
			m.takeOver(h, holder)
		}
	}
	return nil
}

// takeOver gives all that is registered to a unit, and the conflict about it: whoever
// asked for it waits with those that ask for the unit's number.
func (m *model) takeOver(registration, holder string) {
	for key, h := range m.holders {
		if h == registration {
			m.holders[key] = holder
		}
	}
	var with *dispute
	for i := range m.conflicts {
		d := &m.conflicts[i]
		if d.resolution != "" || d.holder != registration && d.holder != holder {
			continue
		}
		if d.holder = holder; with == nil {
			with = d
			continue
		}
		with.challengers = append(with.challengers, d.challengers...)
		m.conflicts = slices.Delete(m.conflicts, i, i+1)
		break
	}
}

// partOf is the part of a holder.
func (m *model) partOf(holder string) string {
	for i := range m.units {
		if m.units[i].id.String() == holder {
			return m.units[i].part
		}
	}
	return m.registered[holder]
}

// join makes an event the challenger of whom the service says: one who has what the
// event did not get.
func (m *model) join(all []loss, said *decision) seriald.Code {
	row := said.challenger
	if row == nil {
		return seriald.CodeDuplicateSerial
	}
	holder := holderKey(row.Holder.SerialID, row.Holder.EventID)
	// Who gives its number up behind the event may have it no longer: one of ours has it
	// then, which was in front.
	evicted := slices.Contains(m.evicted, holder)
	at := slices.IndexFunc(all, func(l loss) bool { return l.number == row.Number && (evicted || l.holders[row.Scopes[0]] == holder) })
	if at < 0 || slices.ContainsFunc(row.Scopes, func(s seriald.Scope) bool { return all[at].holders[s] == "" }) {
		return seriald.Code(fmt.Sprint(row.Scopes, " of ", row.Number, " is not lost to ", holder, ", but ", all))
	}
	l := &all[at]
	for i := range m.conflicts {
		if d := &m.conflicts[i]; d.resolution == "" && d.holder == holder {
			d.challengers = append(d.challengers, l.challenger)
			return seriald.CodeDuplicateSerial
		}
	}
	m.conflicts = append(m.conflicts, dispute{
		id: row.ConflictID, holder: holder, part: m.partOf(holder), canonical: m.canonical(l.part, l.number), challengers: []challenger{l.challenger},
	})
	return seriald.CodeDuplicateSerial
}

func (t *turn) register(part string) seriald.Code {
	site := cmp.Or(t.SiteID, t.site)
	if t.catalog.Sites[site] == nil {
		return seriald.CodeSiteNotFound
	}
	if most := t.catalog.Parts[part].Rule.MaxLength; most > 0 && len(t.SerialNumber) > most {
		return seriald.CodeFormatMismatch
	}
	scopes := t.Scopes
	if len(scopes) == 0 {
		scopes = t.catalog.Parts[part].UniquenessScopes
	}
	holder := "registered:" + string(t.event)
	if lost := t.take("", holder, t.claimsIn(scopes, part, t.VendorName, site, t.SerialNumber), ""); len(lost) > 0 {
		t.losses = append(t.losses, loss{challenger{event: t.event, part: part, number: t.SerialNumber}, lost})
	}
	t.registered[holder] = part
	return ""
}

// dispute is the open conflict that an event means.
func (t *turn) dispute() (*dispute, seriald.Code) {
	part := t.named()
	if t.ConflictID.IsZero() && t.catalog.Parts[part] == nil {
		return nil, seriald.CodePartNotFound
	}
	var open []*dispute
	resolved := false
	for i := range t.conflicts {
		d := &t.conflicts[i]
		means := d.id == t.ConflictID
		if t.ConflictID.IsZero() {
			asked := d.resolution == "" && slices.ContainsFunc(d.challengers, func(c challenger) bool { return c.part == part })
			means = d.canonical == t.canonical(part, t.SerialNumber) && (d.part == part || asked)
		}
		switch {
		case means && d.resolution == "":
			open = append(open, d)
		case means:
			resolved = true
		}
	}
	switch {
	case len(open) == 1:
		return open[0], ""
	case len(open) > 1:
		return nil, seriald.CodeValidation
	case resolved:
		return nil, seriald.CodeInvalidState
	}
	return nil, seriald.CodeSerialNotFound
}

func (t *turn) resolve() seriald.Code {
	d, code := t.dispute()
	if code != "" {
		return code
	}
	var holder *unit
	for i := range t.units {
		if u := &t.units[i]; u.id.String() == d.holder {
			holder = u
		}
	}
	if t.ConflictResolution == seriald.ResolveRetire {
		return t.retire(d, holder)
	}
	d.resolution = t.ConflictResolution
	if holder != nil && d.resolution == seriald.ResolveInvalid {
		holder.status = seriald.SerialInvalid
	}
	if holder != nil {
		t.move(holder, holder.status, holder.status)
	}
	for i := range d.challengers {
		if c := &d.challengers[i]; c.unit && d.resolution == seriald.ResolveInvalid {
			t.become(c, seriald.SerialInvalid)
		}
	}
	return ""
}

// become makes a challenger's unit.
func (t *turn) become(c *challenger, status seriald.SerialStatus) {
	c.unitID = t.saidID()
	t.units = append(t.units, unit{id: c.unitID, number: c.number, part: c.part, site: c.site, vendor: c.vendor, status: status})
	t.move(&t.units[len(t.units)-1], status, status)
}

// retire gives the holder's number to a challenger.
func (t *turn) retire(d *dispute, holder *unit) seriald.Code {
	if !t.RetiredSerialID.IsZero() && t.RetiredSerialID.String() != d.holder {
		return seriald.CodeValidation
	}
	var able []*challenger
	for i := range d.challengers {
		if c := &d.challengers[i]; c.unit && (t.ChallengerEventID == "" || t.ChallengerEventID == string(c.event)) {
			able = append(able, c)
		}
	}
	switch {
	case len(able) == 0 && t.ChallengerEventID == "":
		return seriald.CodeInvalidState
	case len(able) != 1:
		return seriald.CodeValidation
	}
	c := able[0]
	p := t.placeholderBy(c.placeholder)
	if p != nil && p.status != seriald.PlaceholderPending {
		return seriald.CodeInvalidState
	}
	if holder != nil && holder.status != seriald.SerialRejected {
		holder.status = seriald.SerialRetired
	}
	if holder != nil {
		t.move(holder, holder.status, holder.status)
	}
	status := seriald.SerialActive
	if c.vendor != "" {
		status = seriald.SerialPending
	}
	d.resolution = seriald.ResolveRetire
	t.become(c, status)
	if p != nil {
		t.settle(p, seriald.PlaceholderSerialized, c.unitID)
	}
	if lost := t.take(c.part, c.unitID.String(), t.claims(c.part, c.vendor, c.site, c.number), d.holder); len(lost) > 0 {
		return seriald.CodeInvalidState
	}
	return ""
}
