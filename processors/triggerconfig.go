package processors

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/store"
)

// createTrigger adds a trigger.
func (d *decision) createTrigger(st *state) error {
	t, err := d.item.event.Trigger(seriald.Trigger{})
	if err != nil {
		return err
	}
	t.ID = st.newID()
	return d.putTrigger(st, nil, t, seriald.AuditTriggerCreated)
}

// updateTrigger changes what the event says of a trigger.
func (d *decision) updateTrigger(st *state) error {
	before, err := d.trigger(st)
	if err != nil {
		return err
	}
	t, err := d.item.event.Trigger(*before)
	if err != nil {
		return err
	}
	return d.putTrigger(st, before, t, seriald.AuditTriggerUpdated)
}

// enableTrigger and disableTrigger say whether a trigger fires.
func (d *decision) enableTrigger(st *state) error {
	return d.switchTrigger(st, true, seriald.AuditTriggerEnabled)
}

func (d *decision) disableTrigger(st *state) error {
	return d.switchTrigger(st, false, seriald.AuditTriggerDisabled)
}

func (d *decision) switchTrigger(st *state, active bool, audit seriald.AuditType) error {
	before, err := d.trigger(st)
	if err != nil {
		return err
	}
	if before.Active == active {
		return seriald.Reject(seriald.CodeInvalidState, "triggerId", "trigger %s is %s already", before.ID, activity(active))
	}
	t := *before
	t.Active = active
	return d.putTrigger(st, before, &t, audit)
}

func activity(active bool) string {
	if active {
		return "enabled"
	}
	return "disabled"
}

// deleteTrigger takes a trigger away. What it did stays in its statistics and the
// audit.
func (d *decision) deleteTrigger(st *state) error {
	t, err := d.trigger(st)
	if err != nil {
		return err
	}
	d.partID = t.PartID
	d.master = append(d.master, &store.TriggerChange{Trigger: t, Deleted: true})
	d.triggerChanged(st, t, nil, seriald.AuditTriggerDeleted)
	return nil
}

// trigger returns the trigger that an event means.
func (d *decision) trigger(st *state) (*seriald.Trigger, error) {
	id := d.item.fields.TriggerID
	if t := st.catalog.trigger(id); t != nil {
		d.outcome.TriggerID = id
		return t, nil
	}
	return nil, seriald.Reject(seriald.CodeTriggerNotFound, "triggerId", "trigger %s is not known", id)
}

// trigger returns nil if there is none with this id.
func (c *catalog) trigger(id seriald.ID) *seriald.Trigger {
	for _, of := range c.Triggers {
		for _, t := range of {
			if t.ID == id {
				return t
			}
		}
	}
	return nil
}

// putTrigger makes a trigger what it is from now on, if no other does the same and
// the format it names makes right numbers for its part.
func (d *decision) putTrigger(st *state, before, t *seriald.Trigger, audit seriald.AuditType) error {
	d.partID = t.PartID
	c := st.catalog
	if c.Parts[t.PartID] == nil {
		return seriald.Reject(seriald.CodePartNotFound, "partId", "part %q is not known: add it, or mend the event", t.PartID)
	}
	if t.FormatID != "" && c.Formats[t.FormatID] == nil {
		return seriald.Reject(seriald.CodeFormatNotFound, "formatConfigId", "format %q is not known: add it, or mend the event", t.FormatID)
	}
	others := slices.DeleteFunc(slices.Clone(c.Triggers[t.PartID]), func(o *seriald.Trigger) bool { return o.ID == t.ID })
	if t.Active {
		for _, o := range others {
			if o.Active && o.Equal(t) {
				return seriald.Reject(seriald.CodeInvalidState, "triggerId", "trigger %s does the same already: change or disable one of them", o.ID)
			}
		}
	}
	changed := c.with(func(next *seriald.Catalog) {
		next.Triggers = maps.Clone(c.Triggers)
		next.Triggers[t.PartID] = append(others, t)
	})
	if problems := changed.problemsOf(st, t.PartID); len(problems) > 0 {
		return seriald.Reject(seriald.CodeValidation, "formatConfigId", "%s", strings.Join(problems, "; "))
	}
	d.outcome.TriggerID = t.ID
	d.master = append(d.master, &store.TriggerChange{Trigger: t})
	d.triggerChanged(st, before, t, audit)
	return nil
}

func (d *decision) triggerChanged(st *state, before, after *seriald.Trigger, audit seriald.AuditType) {
	a := d.auditEvent(st, audit, seriald.AuditSuccess)
	if before != nil {
		a.OldValues = values(before)
	}
	a.NewValues = values(struct {
		After   *seriald.Trigger `json:"after"`
		Request json.RawMessage  `json:"request"`
	}{after, d.item.event.Data})
	d.audit = append(d.audit, a)
}
