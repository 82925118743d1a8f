package processors

import (
	"encoding/json"
	"slices"

	"github.com/machshop/seriald"
)

// generate makes serials on request.
func (d *decision) generate(st *state, site *seriald.Site, part *seriald.Part) error {
	f := d.item.fields
	format, err := formatOf(f.FormatConfigID, part, st)
	if err != nil {
		return err
	}
	units := 1
	if f.Quantity != nil {
		units = *f.Quantity
	}
	d.outcome.FormatConfigID = format.ID
	return d.assign(st, site, part, format, nil, units, units)
}

// assign makes units serials that wait for their numbers, told of in groups. trigger
// is nil if none asked for them.
func (d *decision) assign(st *state, site *seriald.Site, part *seriald.Part, format *seriald.Format,
	trigger *seriald.Trigger, units, group int,
) error {
	_, err := d.newRun(st, site, part, format, trigger, seriald.SourceGenerated, units, group)
	return err
}

// newRun adds units serials of a source that wait for their numbers.
func (d *decision) newRun(st *state, site *seriald.Site, part *seriald.Part, format *seriald.Format,
	trigger *seriald.Trigger, source seriald.Source, units, group int,
) (*run, error) {
	r := newRun(st, d.item, site, part, format)
	if missing := r.pattern.Missing(&r.values); missing != nil {
		return nil, seriald.Reject(seriald.CodeValidation, tokenFields[missing.Token], "is required: the pattern of format %s has {%s}", format.ID, missing.Token)
	}
	like := d.newSerial(st, site, part, source, seriald.SerialActive)
	like.FormatID, like.FormatVersion = format.ID, format.Version
	if trigger != nil {
		like.TriggerID = trigger.ID
	}
	made := make([]seriald.Serial, units)
	r.serials, r.first = make([]*seriald.Serial, units), len(d.outcome.Serials)
	for i := range made {
		made[i] = like
		if i > 0 {
			made[i].ID = st.newID()
		}
		r.serials[i] = &made[i]
		d.outcome.Serials = append(d.outcome.Serials, made[i].Ref())
	}
	d.announceGroups(seriald.EventAssigned, r.first, units, group, like.TriggerID)
	d.serials = append(d.serials, r.serials...)
	d.runs = append(d.runs, r)
	st.world.addRun(r)
	return r, nil
}

// formatOf returns the format that is asked for, else the one that is assigned to
// the part or its family now, else the part's default.
func formatOf(asked string, part *seriald.Part, st *state) (*seriald.Format, error) {
	id := asked
	if id == "" {
		for _, a := range st.catalog.assignments[part.ID] {
			if a.Holds(st.now) {
				id = a.FormatID
				break
			}
		}
	}
	if id == "" {
		id = part.DefaultFormat
	}
	if id == "" {
		return nil, seriald.Reject(seriald.CodeNoFormat, "formatConfigId", "part %s has no default format: name one, or give the part one", part.ID)
	}
	if st.catalog.patterns[id] == nil {
		return nil, seriald.Reject(seriald.CodeFormatNotFound, "formatConfigId", "format %q is not known", id)
	}
	f := st.catalog.Formats[id]
	if !f.Active {
		return nil, seriald.Reject(seriald.CodeDisabled, "formatConfigId", "format %q is not active: activate it, or name another", id)
	}
	return f, nil
}

// finish adds what could not be said before the numbers were final.
func (d *decision) finish(st *state) {
	for _, r := range d.runs {
		// What all serials of a run have in common.
		first := r.serials[0]
		made := generated{FormatID: first.FormatID, FormatVersion: first.FormatVersion, TriggerID: first.TriggerID}
		common := values(made)
		d.audit = slices.Grow(d.audit, len(r.serials))
		for i, s := range r.serials {
			d.outcome.Serials[r.first+i].SerialNumber = s.Number
			a := d.auditEvent(st, seriald.AuditSerialGenerated, seriald.AuditSuccess)
			a.SerialID, a.SerialNumber, a.NewValues = s.ID, s.Number, common
			switch {
			case r.placeholders != nil:
				late := made
				late.PlaceholderID = r.placeholders[i].ID
				a.Type, a.NewValues = seriald.AuditLateAssignment, values(late)
			case i == 0 && s.TriggerID.IsZero():
				made.Request = d.item.event.Data
				a.NewValues = values(made)
			}
			d.audit = append(d.audit, a)
		}
	}
}

// generated is what the audit keeps of a number that was made.
type generated struct {
	FormatID      string          `json:"formatId"`
	FormatVersion int             `json:"formatVersion"`
	TriggerID     seriald.ID      `json:"triggerId,omitzero"`
	PlaceholderID seriald.ID      `json:"placeholderId,omitzero"` // that got it
	Request       json.RawMessage `json:"request,omitempty"`      // on the first of a request
}
