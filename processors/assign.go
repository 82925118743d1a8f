package processors

import (
	"encoding/json"
	"fmt"
	"math"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/pattern"
	"github.com/machshop/seriald/store"
)

// generate makes serials on request.
func (d *decision) generate(st *state, site *seriald.Site, part *seriald.Part) *seriald.Rejection {
	f := d.item.fields
	format, rejection := formatOf(f.FormatConfigID, part, st)
	if rejection != nil {
		return rejection
	}
	units := 1
	if f.Quantity != nil {
		units = *f.Quantity
	}
	d.assign(st, site, part, format, seriald.ID{}, units, units)
	return nil
}

// occur fires the triggers of an occurrence on the floor: all that match, in the
// catalog's order.
func (d *decision) occur(st *state, site *seriald.Site, part *seriald.Part) *seriald.Rejection {
	f := d.item.fields
	occurrence, ok := d.item.event.Type.TriggerType()
	if !ok {
		return seriald.UnknownType(string(d.item.event.Type))
	}
	var object map[string]any
	fired := 0
	for _, t := range st.catalog.Triggers[part.ID] {
		if object == nil && len(t.Conditions) > 0 {
			object = d.item.object()
		}
		if !t.Matches(occurrence, f.OperationCode, object) {
			continue
		}
		if t.AssignmentType != seriald.AssignGenerated {
			return seriald.Reject(seriald.CodeInvalidState, "", "trigger %s assigns by %s, which %s can't do", t.ID, t.AssignmentType, d.item.event.Type)
		}
		format, rejection := formatOf(t.FormatID, part, st)
		if rejection != nil {
			return rejection
		}
		units, group := t.Units(f.Quantity)
		if len(d.serials)+units > seriald.MaxQuantity {
			return seriald.Reject(seriald.CodeValidation, "quantity", "all triggers together would make more than %d serials", seriald.MaxQuantity)
		}
		a := d.auditEvent(st, seriald.AuditTriggerExecuted, seriald.AuditSuccess)
		a.NewValues = values(struct {
			TriggerID seriald.ID      `json:"triggerId"`
			Units     int             `json:"units"`
			Request   json.RawMessage `json:"request"`
		}{t.ID, units, d.item.event.Data})
		d.audit = append(d.audit, a)
		d.assign(st, site, part, format, t.ID, units, group)
		fired++
	}
	if fired == 0 {
		d.ignore(st, seriald.CodeNoTrigger, fmt.Sprintf("no trigger of part %s fires on %s", part.ID, operation(occurrence, f.OperationCode)))
	}
	return nil
}

func operation(t seriald.TriggerType, code string) string {
	if code == "" {
		return string(t)
	}
	return string(t) + " at " + code
}

// assign makes units serials that wait for their numbers, told of in groups.
func (d *decision) assign(st *state, site *seriald.Site, part *seriald.Part, format *seriald.Format,
	trigger seriald.ID, units, group int,
) {
	f := d.item.fields
	local := st.now.In(site.Location)
	made := make([]seriald.Serial, units)
	r := run{
		format: format, local: local, serials: make([]*seriald.Serial, units),
		counter: store.Counter{
			FormatID: format.ID, Scope: format.CounterScope.Key(site.ID, part.ID), Period: format.Reset.Period(local),
		},
	}
	for i := range made {
		made[i] = seriald.Serial{
			ID: st.newID(), PartID: part.ID, SiteID: site.ID,
			Source: seriald.SourceGenerated, Status: seriald.SerialActive,
			FormatID: format.ID, FormatVersion: format.Version, TriggerID: trigger,
			WorkOrderID: f.WorkOrderID, LotNumber: f.LotNumber, OperationCode: f.OperationCode,
			EventID: d.item.event.ID, CreatedAt: st.now,
		}
		r.serials[i] = &made[i]
	}
	for first := 0; first < units; first += group {
		d.announcements = append(d.announcements, seriald.Announcement{
			Event: seriald.EventAssigned, First: len(d.serials) + first, Count: min(group, units-first),
			TriggerID: trigger, WorkOrderID: f.WorkOrderID, LotNumber: f.LotNumber, OperationCode: f.OperationCode,
		})
	}
	d.serials = append(d.serials, r.serials...)
	d.runs = append(d.runs, r)
}

// formatOf returns the format that is asked for, else the part's default.
func formatOf(asked string, part *seriald.Part, st *state) (*seriald.Format, *seriald.Rejection) {
	id := asked
	if id == "" {
		id = part.DefaultFormat
	}
	if id == "" {
		return nil, seriald.Reject(seriald.CodeNoFormat, "formatConfigId", "part %s has no default format: name one, or give the part one", part.ID)
	}
	if st.catalog.patterns[id] == nil {
		return nil, seriald.Reject(seriald.CodeFormatNotFound, "formatConfigId", "format %q is not known", id)
	}
	return st.catalog.Formats[id], nil
}

// number gives a run its numbers, from the counter's ordinals that start at
// first. The error says that the sequence is used up; then the event is refused.
func (r *run) number(st *state, first int64) error {
	for i, s := range r.serials {
		if err := r.numberOne(st, s, first+int64(i)); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) numberOne(st *state, s *seriald.Serial, ordinal int64) (err error) {
	// Beyond 64 bits the value would begin anew.
	if ordinal > (math.MaxInt64-r.format.Start)/max(r.format.Increment, 1) {
		return fmt.Errorf("%w: value %d is beyond 64 bits", pattern.ErrExhausted, ordinal)
	}
	s.Number, err = st.catalog.patterns[r.format.ID].Render(r.local, r.format.Start+ordinal*r.format.Increment)
	return err
}

// finish adds what could not be said before the numbers were final.
func (d *decision) finish(st *state) {
	for _, r := range d.runs {
		for i, s := range r.serials {
			d.outcome.Serials = append(d.outcome.Serials, s.Ref())
			a := d.auditEvent(st, seriald.AuditSerialGenerated, seriald.AuditSuccess)
			a.SerialID, a.SerialNumber = s.ID, s.Number
			made := generated{FormatID: s.FormatID, FormatVersion: s.FormatVersion, TriggerID: s.TriggerID}
			if i == 0 && s.TriggerID.IsZero() {
				made.Request = d.item.event.Data
			}
			a.NewValues = values(made)
			d.audit = append(d.audit, a)
		}
	}
}

// generated is what the audit keeps of a number that was made.
type generated struct {
	FormatID      string          `json:"formatId"`
	FormatVersion int             `json:"formatVersion"`
	TriggerID     seriald.ID      `json:"triggerId,omitzero"`
	Request       json.RawMessage `json:"request,omitempty"` // on the first of a request
}
