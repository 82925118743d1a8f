package processors

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/machshop/seriald"
)

// named is the part that an event names, "" if it names none.
func (t *turn) named() string {
	if p := t.catalog.GTINs[t.GTIN]; p != nil {
		return p.ID
	}
	return t.PartID
}

func (t *turn) unit(id seriald.ID, number, part string) (*unit, seriald.Code) {
	var found, used []*unit
	for i := range t.units {
		u := &t.units[i]
		switch {
		case id == u.id && part != "" && part != u.part:
			return nil, seriald.CodeValidation
		case id == u.id:
			return u, ""
		case id.IsZero() && u.number == number && (part == "" || u.part == part):
			found = append(found, u)
			if u.status == seriald.SerialActive || u.status == seriald.SerialAccepted {
				used = append(used, u)
			}
		}
	}
	if len(used) > 0 {
		found = used
	}
	switch len(found) {
	case 0:
		return nil, seriald.CodeSerialNotFound
	case 1:
		return found[0], ""
	}
	return nil, seriald.CodeValidation
}

func (t *turn) vendorUnit() (*unit, seriald.Code) {
	var found []*unit
	for i := range t.units {
		u := &t.units[i]
		switch {
		case u.vendor == "":
		case u.id == t.VendorSerialID:
			return u, ""
		case t.VendorSerialID.IsZero() && u.number == t.VendorSerialNumber && u.part == t.PartID && sameVendor(u.vendor, t.VendorName):
			found = append(found, u)
		}
	}
	if open := slices.DeleteFunc(slices.Clone(found), func(u *unit) bool {
		return u.status != seriald.SerialPending && u.status != seriald.SerialAccepted
	}); len(open) > 0 {
		found = open
	}
	switch {
	case len(found) == 0:
		return nil, seriald.CodeVendorSerialNotFound
	case len(found) > 1 && found[0].status != seriald.SerialRejected:
		return nil, seriald.CodeValidation
	}
	return found[len(found)-1], ""
}

func sameVendor(a, b string) bool {
	return strings.EqualFold(strings.TrimSpace(a), strings.TrimSpace(b))
}

func (t *turn) accept() seriald.Code {
	u, code := t.vendorUnit()
	switch {
	case code != "":
		return code
	case u.status != seriald.SerialPending:
		return seriald.CodeInvalidState
	}
	if !t.InternalSerialID.IsZero() || t.InternalSerial != "" {
		ours, code := t.unit(t.InternalSerialID, t.InternalSerial, u.part)
		switch {
		case code != "":
			return code
		case ours.vendor != "":
			return seriald.CodeValidation
		case ours.status != seriald.SerialActive:
			return seriald.CodeInvalidState
		}
		for _, other := range t.units {
			if other.internal == ours.id {
				return seriald.CodeInvalidState
			}
		}
		u.internal = ours.id
	}
	return t.move(u, seriald.SerialAccepted, seriald.SerialPending)
}

func (t *turn) reject() seriald.Code {
	u, code := t.vendorUnit()
	if code == "" {
		code = t.move(u, seriald.SerialRejected, seriald.SerialPending)
	}
	if code == "" {
		maps.DeleteFunc(t.holders, func(_, holder string) bool { return holder == u.id.String() })
	}
	return code
}

// move changes the status of a unit that has one of some.
func (t *turn) move(u *unit, to seriald.SerialStatus, from ...seriald.SerialStatus) seriald.Code {
	if !slices.Contains(from, u.status) {
		return seriald.CodeInvalidState
	}
	u.status = to
	t.serials = append(t.serials, seriald.SerialRef{ID: u.id, SerialNumber: u.number, PartID: u.part, Status: to})
	return ""
}

// add makes a unit that has its number, if that is free.
func (t *turn) add(part, vendor, number string, status seriald.SerialStatus) (seriald.ID, seriald.Code) {
	if most := t.catalog.Parts[part].Rule.MaxLength; most > 0 && len(number) > most {
		return seriald.ID{}, seriald.CodeFormatMismatch
	}
	id := t.saidID()
	if lost := t.take(part, id.String(), t.claims(part, vendor, t.site, number), ""); len(lost) > 0 {
		t.losses = append(t.losses, loss{challenger{
			event: t.event, part: part, number: trimmed(number), unit: true, site: t.site, vendor: trimmed(vendor),
		}, lost})
		return id, ""
	}
	t.units = append(t.units, unit{id: id, number: number, part: part, site: t.site, vendor: strings.TrimSpace(vendor), status: status})
	return id, t.move(&t.units[len(t.units)-1], status, status)
}

// saidID is the id of the next unit that the service has named.
func (t *turn) saidID() (id seriald.ID) {
	if n := len(t.serials); n < len(t.said.outcome.Serials) {
		id = t.said.outcome.Serials[n].ID
	}
	return id
}

func (m *model) canonical(part, number string) string {
	if m.catalog.Parts[part].Rule.Fold {
		return strings.ToLower(number)
	}
	return number
}

// scoped is a claim.
type scoped struct {
	scope seriald.Scope
	key   string
}

func (m *model) claims(part, vendor, site, number string) []scoped {
	scopes := m.catalog.Parts[part].UniquenessScopes
	if vendor != "" {
		scopes = m.catalog.Parts[part].VendorScopes
	}
	return m.claimsIn(scopes, part, vendor, site, number)
}

func (m *model) claimsIn(scopes []seriald.Scope, part, vendor, site, number string) []scoped {
	var all []scoped
	for _, s := range scopes {
		of := map[seriald.Scope]string{
			seriald.ScopeSite: site, seriald.ScopePartType: m.catalog.Parts[part].Type,
			seriald.ScopeVendor: strings.ToLower(strings.TrimSpace(vendor)) + "\x1f" + part,
		}[s]
		all = append(all, scoped{s, fmt.Sprint(s, of, m.canonical(part, number))})
	}
	return all
}

// wait makes placeholders.
func (t *turn) wait(part string, n int) {
	for range n {
		var id seriald.ID
		if n := len(t.answer.placeholders); n < len(t.said.outcome.Placeholders) {
			id = t.said.outcome.Placeholders[n].ID
		}
		t.model.placeholders = append(t.model.placeholders, waiting{id: id, part: part, order: t.WorkOrderID, lot: t.LotNumber})
		t.settle(&t.model.placeholders[len(t.model.placeholders)-1], seriald.PlaceholderPending, seriald.ID{})
	}
}

func (t *turn) settle(p *waiting, status seriald.PlaceholderStatus, serial seriald.ID) {
	p.status, p.serial = status, serial
	t.answer.placeholders = append(t.answer.placeholders, seriald.PlaceholderRef{ID: p.id, PartID: p.part, Status: status, SerialID: serial})
}

func (t *turn) placeholderBy(id seriald.ID) *waiting {
	for i := range t.model.placeholders {
		if t.model.placeholders[i].id == id {
			return &t.model.placeholders[i]
		}
	}
	return nil
}

// placeholder is the one that an event names, or the oldest.
func (t *turn) placeholder() (*waiting, seriald.Code) {
	part := t.named()
	if !t.PlaceholderID.IsZero() {
		p := t.placeholderBy(t.PlaceholderID)
		switch {
		case p == nil:
			return nil, seriald.CodePlaceholderNotFound
		case part != "" && part != p.part:
			return nil, seriald.CodeValidation
		case p.status != seriald.PlaceholderPending:
			return nil, seriald.CodeInvalidState
		}
		return p, ""
	}
	if t.catalog.Parts[part] == nil {
		return nil, seriald.CodePartNotFound
	}
	if oldest := t.oldest(part, 1); len(oldest) > 0 {
		return oldest[0], ""
	}
	return nil, seriald.CodePlaceholderNotFound
}

func (t *turn) oldest(part string, n int) []*waiting {
	var found []*waiting
	for i := range t.model.placeholders {
		p := &t.model.placeholders[i]
		if len(found) < n && p.status == seriald.PlaceholderPending && p.part == part &&
			(t.WorkOrderID == "" || p.order == t.WorkOrderID) && (t.LotNumber == "" || p.lot == t.LotNumber) {
			found = append(found, p)
		}
	}
	return found
}
