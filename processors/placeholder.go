package processors

import (
	"encoding/json"
	"errors"

	"github.com/machshop/seriald"
)

// placeholderValues are those of a placeholder in the audit.
type placeholderValues struct {
	PlaceholderID seriald.ID                `json:"placeholderId"`
	Status        seriald.PlaceholderStatus `json:"status"`
	TriggerID     seriald.ID                `json:"triggerId,omitzero"`
	Reason        string                    `json:"reason,omitempty"`
	Notes         string                    `json:"notes,omitempty"`
	Request       json.RawMessage           `json:"request,omitempty"`
}

// createPlaceholders makes a placeholder for each unit.
func (d *decision) createPlaceholders(st *state, site *seriald.Site, part *seriald.Part) error {
	units := 1
	if q := d.item.fields.Quantity; q != nil {
		units = *q
	}
	d.addPlaceholders(st, site, part, nil, units, units)
	return nil
}

// addPlaceholders makes placeholders, told of in groups. trigger is nil if none asked
// for them.
func (d *decision) addPlaceholders(st *state, site *seriald.Site, part *seriald.Part, trigger *seriald.Trigger, units, group int) {
	f := d.item.fields
	first := len(d.outcome.Placeholders)
	like := seriald.Placeholder{
		PartID: part.ID, SiteID: site.ID, Status: seriald.PlaceholderPending,
		WorkOrderID: f.WorkOrderID, LotNumber: f.LotNumber, OperationCode: f.OperationCode,
		EventID: d.item.event.ID, CreatedAt: st.now,
	}
	if trigger != nil {
		like.TriggerID = trigger.ID
	}
	made := make([]seriald.Placeholder, units)
	for i := range made {
		p := &made[i]
		*p = like
		p.ID = st.newID()
		st.world.addPlaceholder(p)
		d.placeholders = append(d.placeholders, p)
		d.outcome.Placeholders = append(d.outcome.Placeholders, p.Ref())
		a := d.auditEvent(st, seriald.AuditPlaceholderCreated, seriald.AuditSuccess)
		after := placeholderValues{PlaceholderID: p.ID, Status: p.Status, TriggerID: p.TriggerID}
		if trigger == nil && i == 0 {
			after.Request = d.item.event.Data
		}
		a.NewValues = values(after)
		d.audit = append(d.audit, a)
	}
	d.announceGroups(seriald.EventPlaceholder, first, units, group, like.TriggerID)
}

func placeholderNotFound(id seriald.ID) error {
	return seriald.Reject(seriald.CodePlaceholderNotFound, "placeholderId", "placeholder %s is not known", id)
}

// placeholder returns the placeholder that an event means: by its id, or the oldest of
// a part, work order and lot that waits.
func (d *decision) placeholder(st *state) (*seriald.Placeholder, error) {
	f := d.item.fields
	part, err := d.namedPart(st)
	if err != nil {
		return nil, err
	}
	d.partID = part
	if id := f.PlaceholderID; !id.IsZero() {
		p := st.world.placeholders[id]
		if p == nil {
			return nil, placeholderNotFound(id)
		}
		d.partID = p.PartID
		switch {
		case part != "" && part != p.PartID:
			return nil, seriald.Reject(seriald.CodeValidation, "placeholderId", "placeholder %s is of part %s, not of %s", id, p.PartID, part)
		case p.Status != seriald.PlaceholderPending:
			return nil, seriald.Reject(seriald.CodeInvalidState, "placeholderId", "placeholder %s is %s: only a PENDING one can change", id, p.Status)
		}
		return p, nil
	}
	if st.catalog.Parts[part] == nil {
		return nil, seriald.Reject(seriald.CodePartNotFound, "partId", "part %q is not known: add it, or mend the event", part)
	}
	found := st.world.waiting(part, f.WorkOrderID, f.LotNumber, 1)
	if len(found) == 0 {
		return nil, notWaiting(f, part, 1, 0)
	}
	return found[0], nil
}

// notWaiting is the refusal of an event for which too few placeholders wait.
func notWaiting(f *seriald.Fields, part string, want, have int) error {
	of := "of part " + part
	if f.WorkOrderID != "" {
		of += ", work order " + f.WorkOrderID
	}
	if f.LotNumber != "" {
		of += ", lot " + f.LotNumber
	}
	return seriald.Reject(seriald.CodePlaceholderNotFound, "partId", "%d placeholders %s are needed, and %d wait: make them first", want, of, have)
}

// assignPlaceholder gives a placeholder a number from outside.
func (d *decision) assignPlaceholder(st *state) error {
	f := d.item.fields
	site, err := d.site(st)
	if err != nil {
		return err
	}
	p, err := d.placeholder(st)
	if err != nil {
		return err
	}
	part, err := d.part(st)
	if err != nil {
		return err
	}
	number := trimmed(f.SerialNumber)
	if err := part.Rule.Check("serialNumber", number); err != nil {
		return err
	}
	s := d.newSerial(st, site, part, seriald.SourceLate, seriald.SerialActive)
	s.Number = number
	inherit(&s, p)
	if err := d.add(&s, st); err != nil {
		if taken, ok := errors.AsType[*takenError](err); ok {
			taken.placeholder = p.ID
		}
		return err
	}
	d.settlePlaceholder(st, p, func() { p.Status, p.SerialID, p.Notes = seriald.PlaceholderSerialized, s.ID, trimmed(f.Notes) })
	d.announce(seriald.EventAssigned, 0, 1, seriald.ID{})
	d.announce(seriald.EventPlaceholder, 0, 1, seriald.ID{})
	d.auditSerial(st, seriald.AuditLateAssignment, &s, placeholderValues{PlaceholderID: p.ID, Status: seriald.PlaceholderPending},
		placeholderValues{PlaceholderID: p.ID, Status: p.Status, Notes: p.Notes, Request: d.item.event.Data})
	return nil
}

// settlePlaceholder changes a placeholder by set.
func (d *decision) settlePlaceholder(st *state, p *seriald.Placeholder, set func()) {
	st.world.setPlaceholder(p, set)
	d.outcome.Placeholders = append(d.outcome.Placeholders, p.Ref())
}

// failPlaceholder gives a placeholder up.
func (d *decision) failPlaceholder(st *state) error {
	p, err := d.placeholder(st)
	if err != nil {
		return err
	}
	d.settlePlaceholder(st, p, func() { p.Status, p.FailureReason = seriald.PlaceholderFailed, trimmed(d.item.fields.Reason) })
	d.announce(seriald.EventPlaceholder, 0, 1, seriald.ID{})
	a := d.auditEvent(st, seriald.AuditPlaceholderFailed, seriald.AuditSuccess)
	a.OldValues = values(placeholderValues{PlaceholderID: p.ID, Status: seriald.PlaceholderPending})
	a.NewValues = values(placeholderValues{PlaceholderID: p.ID, Status: p.Status, Reason: p.FailureReason, Request: d.item.event.Data})
	d.audit = append(d.audit, a)
	return nil
}

// serialize gives placeholders that wait numbers of a format: the one that the event
// names, or the oldest.
func (d *decision) serialize(st *state, site *seriald.Site, part *seriald.Part, format *seriald.Format, t *seriald.Trigger, units, group int) error {
	f := d.item.fields
	var waiting []*seriald.Placeholder
	if f.PlaceholderID.IsZero() {
		waiting = st.world.waiting(part.ID, f.WorkOrderID, f.LotNumber, units)
		if len(waiting) < units {
			return notWaiting(f, part.ID, units, len(waiting))
		}
	} else {
		if units != 1 {
			return seriald.Reject(seriald.CodeValidation, "quantity", "is %d, and one placeholder is named", units)
		}
		p, err := d.placeholder(st)
		if err != nil {
			return err
		}
		waiting = []*seriald.Placeholder{p}
	}
	r, err := d.newRun(st, site, part, format, t, seriald.SourceLate, units, group)
	if err != nil {
		return err
	}
	r.placeholders = waiting
	first := len(d.outcome.Placeholders)
	for i, p := range waiting {
		s := r.serials[i]
		inherit(s, p)
		d.settlePlaceholder(st, p, func() { p.Status, p.SerialID = seriald.PlaceholderSerialized, s.ID })
	}
	d.announceGroups(seriald.EventPlaceholder, first, units, group, t.ID)
	return nil
}

// inherit gives s what p was made for, where its event does not say otherwise.
func inherit(s *seriald.Serial, p *seriald.Placeholder) {
	for _, field := range []struct {
		to   *string
		from string
	}{{&s.WorkOrderID, p.WorkOrderID}, {&s.LotNumber, p.LotNumber}} {
		if *field.to == "" {
			*field.to = field.from
		}
	}
}
