package processors

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/store"
)

// occur fires the triggers of an occurrence on the floor; without one that fires
// there is nothing to do.
func (d *decision) occur(st *state, site *seriald.Site, part *seriald.Part) error {
	fired, err := d.fire(st, site, part, false)
	if err == nil && fired == 0 {
		d.ignoreUnfired(st, part)
	}
	return err
}

func (d *decision) ignoreUnfired(st *state, part *seriald.Part) {
	occurrence, _ := d.item.event.Type.TriggerType()
	d.ignore(st, seriald.CodeNoTrigger, fmt.Sprintf("no trigger of part %s fires on %s", part.ID, operation(occurrence, d.item.fields.OperationCode)))
}

func operation(t seriald.TriggerType, code string) string {
	if code == "" {
		return string(t)
	}
	return string(t) + " at " + code
}

// completeOperation fires triggers, and records that the unit which is named passed.
func (d *decision) completeOperation(st *state, site *seriald.Site, part *seriald.Part) error {
	unit, unknown, err := d.namedUnit(st, part)
	if err != nil {
		return err
	}
	if unit != nil {
		if err := d.pass(st, unit, "serialNumber"); err != nil {
			return err
		}
	}
	fired, err := d.fire(st, site, part, unit != nil)
	switch {
	case err != nil:
		return err
	case fired > 0 || unit != nil:
		return nil
	case unknown != nil:
		return unknown
	}
	d.ignoreUnfired(st, part)
	return nil
}

// namedUnit returns the unit that an occurrence names, nil if it names none. unknown is
// set if it names one that is not known: a trigger may be there to give it its number.
func (d *decision) namedUnit(st *state, part *seriald.Part) (unit *seriald.Serial, unknown, err error) {
	f := d.item.fields
	if f.SerialNumber == "" && f.SerialID.IsZero() {
		return nil, nil, nil
	}
	unit, err = st.world.serialBy(f.SerialID, f.SerialNumber, part.ID, "serialNumber")
	if rejection, ok := errors.AsType[*seriald.Rejection](err); ok && rejection.Code == seriald.CodeSerialNotFound {
		return nil, err, nil
	}
	return unit, nil, err
}

// checkQuality fires triggers if the check was passed.
func (d *decision) checkQuality(st *state, site *seriald.Site, part *seriald.Part) error {
	if d.item.fields.Result == seriald.ResultFail {
		d.ignore(st, seriald.CodeNoTrigger, "the result is FAIL: triggers fire on PASS")
		return nil
	}
	// The part is named beside the unit, or the unit is known by now: that another is
	// not is no reason to refuse the check.
	unit, _, err := d.namedUnit(st, part)
	if errors.Is(err, errLater) {
		return err
	}
	fired, err := d.fire(st, site, part, unit != nil)
	if err == nil && fired == 0 {
		d.ignoreUnfired(st, part)
	}
	return err
}

// fire fires the triggers of an occurrence: all that match, in the catalog's order.
// numbered tells that the unit it is about has its number.
func (d *decision) fire(st *state, site *seriald.Site, part *seriald.Part, numbered bool) (fired int, err error) {
	f := d.item.fields
	occurrence, _ := d.item.event.Type.TriggerType()
	var object map[string]any
	units := 0
	var taken *takenError
	for _, t := range st.catalog.Triggers[part.ID] {
		if !t.Active || t.Type != occurrence {
			continue
		}
		if object == nil && t.Conditions.Any() {
			object = d.item.object()
		}
		late := t.AssignmentType == seriald.AssignLate && !occurrence.Begins()
		if !t.Matches(occurrence, f.OperationCode, object) || late && numbered {
			d.triggers = append(d.triggers, store.TriggerCount{ID: t.ID, PartID: part.ID, Ignored: 1})
			continue
		}
		at := len(d.audit)
		d.audit = append(d.audit, d.auditEvent(st, seriald.AuditTriggerExecuted, seriald.AuditSuccess))
		n, err := d.fireOne(st, site, part, t, late)
		if another, ok := errors.AsType[*takenError](err); ok {
			// Only of some numbers it is known by now who holds them: what else is wrong
			// with the event goes first.
			if taken == nil {
				taken = another
			}
		} else if err != nil {
			return 0, err
		}
		if units += n; units > seriald.MaxQuantity {
			return 0, seriald.Reject(seriald.CodeValidation, "quantity", "all triggers together would make more than %d serials", seriald.MaxQuantity)
		}
		d.audit[at].NewValues = values(struct {
			TriggerID      seriald.ID             `json:"triggerId"`
			AssignmentType seriald.AssignmentType `json:"assignmentType"`
			Units          int                    `json:"units"`
			Request        json.RawMessage        `json:"request"`
		}{t.ID, t.AssignmentType, n, d.item.event.Data})
		d.triggers = append(d.triggers, store.TriggerCount{ID: t.ID, PartID: part.ID, Fired: 1, Units: n})
		fired++
	}
	if taken != nil {
		return 0, taken
	}
	return fired, nil
}

// fireOne does what a trigger is for, and returns for how many units.
func (d *decision) fireOne(st *state, site *seriald.Site, part *seriald.Part, t *seriald.Trigger, late bool) (int, error) {
	if t.AssignmentType == seriald.AssignVendor {
		return d.receiveAll(st, site, part, t)
	}
	units, group := t.Units(d.item.fields.Quantity)
	if t.AssignmentType == seriald.AssignLate && !late {
		d.addPlaceholders(st, site, part, t, units, group)
		return units, nil
	}
	format, err := formatOf(t.FormatID, part, st)
	if err != nil {
		return 0, err
	}
	if late {
		return units, d.serialize(st, site, part, format, t, units, group)
	}
	return units, d.assign(st, site, part, format, t, units, group)
}
