package seriald

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
)

// TriggerType is the occurrence on the floor that a trigger waits for.
type TriggerType string

// The occurrences that fire triggers.
const (
	TriggerMaterialReceipt   TriggerType = "MATERIAL_RECEIPT"
	TriggerWorkOrderCreate   TriggerType = "WORK_ORDER_CREATE"
	TriggerOperationComplete TriggerType = "OPERATION_COMPLETE"
	TriggerQualityCheckpoint TriggerType = "QUALITY_CHECKPOINT" // fires on PASS
	TriggerBatchCompletion   TriggerType = "BATCH_COMPLETION"
)

var triggerTypes = map[EventType]TriggerType{
	TypeMaterialReceipt: TriggerMaterialReceipt, TypeWorkOrderCreate: TriggerWorkOrderCreate,
	TypeOperationComplete: TriggerOperationComplete, TypeQualityCheckpoint: TriggerQualityCheckpoint,
	TypeBatchCompletion: TriggerBatchCompletion,
}

// TriggerType returns the occurrence an event stands for; ok is false for an
// event that is a request and no occurrence.
func (t EventType) TriggerType() (typ TriggerType, ok bool) {
	typ, ok = triggerTypes[t]
	return typ, ok
}

// EventType returns the event that tells of occurrences of t.
func (t TriggerType) EventType() EventType {
	for e, occurrence := range triggerTypes {
		if occurrence == t {
			return e
		}
	}
	return ""
}

// Begins reports whether units come into being with occurrences of t, so that they
// may wait for their numbers; at the others work on them ends, and those that wait
// may get theirs.
func (t TriggerType) Begins() bool { return t == TriggerMaterialReceipt || t == TriggerWorkOrderCreate }

// AssignmentType says how a trigger gives numbers.
type AssignmentType string

// The ways of a trigger to give numbers.
const (
	AssignGenerated AssignmentType = "SYSTEM_GENERATED" // made by a format
	AssignVendor    AssignmentType = "VENDOR"           // those that the material came with
	// AssignLate makes placeholders where units begin, and gives those that wait
	// their numbers where work on them ends (see [TriggerType.Begins]).
	AssignLate AssignmentType = "LATE_ASSIGNMENT"
)

// Trigger is "when this happens to this part, assign serials this way".
type Trigger struct {
	ID             ID
	PartID         string
	Type           TriggerType
	Active         bool
	OperationCode  string // "" fires at every operation
	Conditions     Conditions
	Priority       int // the lowest fires first
	AssignmentType AssignmentType
	FormatID       string // "" for the part's default
	BatchMode      bool
	BatchSize      int // units per group in batch mode
}

// Matches reports whether t fires for an occurrence of typ at operation, with
// fields as the event's decoded JSON object.
func (t *Trigger) Matches(typ TriggerType, operation string, fields map[string]any) bool {
	return t.Active && t.Type == typ && (t.OperationCode == "" || t.OperationCode == operation) && t.Conditions.Match(fields)
}

// Mismatch returns why t does not fire for an occurrence of typ at operation, with
// fields as the event's decoded JSON object; "" if it does (see [Trigger.Matches]).
func (t *Trigger) Mismatch(typ TriggerType, operation string, fields map[string]any) string {
	switch {
	case !t.Active:
		return "the trigger is disabled"
	case t.Type != typ:
		return "the trigger is for " + string(t.Type) + ", not " + string(typ)
	case t.OperationCode != "" && t.OperationCode != operation:
		return fmt.Sprintf("the trigger is for operation %q, not %q", t.OperationCode, operation)
	}
	return t.Conditions.Mismatch(fields)
}

// Equal reports whether t and u do the same at the same occurrence.
func (t *Trigger) Equal(u *Trigger) bool {
	return t.PartID == u.PartID && t.Type == u.Type && t.OperationCode == u.OperationCode && t.AssignmentType == u.AssignmentType &&
		reflect.DeepEqual(t.Conditions.object, u.Conditions.object)
}

// Units returns how many units an occurrence stands for, and how many of them
// make a group: serials are made and told of group by group.
func (t *Trigger) Units(quantity *int) (units, group int) {
	switch {
	case quantity != nil:
		units = *quantity
	case t.BatchMode && t.BatchSize > 0:
		units = t.BatchSize
	default:
		units = 1
	}
	if t.BatchMode && t.BatchSize > 0 {
		return units, t.BatchSize
	}
	return units, units
}

// Conditions are the tests of a trigger over an event's fields, joined by AND.
// The zero value holds for every event.
type Conditions struct {
	object map[string]any // as they are written; nil if there are none
	tests  []condition
}

type condition struct {
	field string
	op    string
	want  any
}

// ParseConditions reads a trigger's conditions: a JSON object from field name to
// a value (equality) or to an object of operators: "in" (array), "gt", "gte",
// "lt", "lte" (number), "exists" (boolean), "not" (value or object of
// operators).
func ParseConditions(b []byte) (Conditions, error) {
	var cs Conditions
	if len(b) == 0 || string(b) == "null" {
		return cs, nil
	}
	var object map[string]any
	if err := json.Unmarshal(b, &object); err != nil {
		return cs, fmt.Errorf("conditions must be a JSON object: %w", err)
	}
	if len(object) == 0 {
		return cs, nil
	}
	cs.object = object
	for _, field := range slices.Sorted(maps.Keys(object)) {
		parsed, err := parseCondition(field, object[field])
		if err != nil {
			return Conditions{}, err
		}
		cs.tests = append(cs.tests, parsed...)
	}
	return cs, nil
}

// MarshalJSON implements [json.Marshaler]: the object that was parsed.
func (cs Conditions) MarshalJSON() ([]byte, error) {
	if cs.object == nil {
		return []byte("{}"), nil
	}
	return json.Marshal(cs.object)
}

// Any reports whether there is a condition.
func (cs Conditions) Any() bool { return len(cs.tests) > 0 }

func parseCondition(field string, v any) ([]condition, error) {
	ops, ok := v.(map[string]any)
	if !ok {
		return []condition{{field, "eq", v}}, nil
	}
	var cs []condition
	for _, op := range slices.Sorted(maps.Keys(ops)) {
		want := ops[op]
		switch op {
		case "in":
			if _, ok := want.([]any); !ok {
				return nil, fmt.Errorf("condition on %q: \"in\" takes an array", field)
			}
		case "gt", "gte", "lt", "lte":
			if _, ok := want.(float64); !ok {
				return nil, fmt.Errorf("condition on %q: %q takes a number", field, op)
			}
		case "exists":
			if _, ok := want.(bool); !ok {
				return nil, fmt.Errorf("condition on %q: \"exists\" takes true or false", field)
			}
		case "not":
			inner, err := parseCondition(field, want)
			if err != nil {
				return nil, err
			}
			want = inner
		default:
			return nil, fmt.Errorf("condition on %q: unknown operator %q; known are in, gt, gte, lt, lte, exists, not", field, op)
		}
		cs = append(cs, condition{field, op, want})
	}
	return cs, nil
}

// Match reports whether all conditions hold for an event's fields. A field that
// is missing holds only for "exists": false and for a "not".
func (cs Conditions) Match(fields map[string]any) bool { return matchAll(cs.tests, fields) }

// Mismatch returns which condition does not hold for an event's fields, "" if all
// do.
func (cs Conditions) Mismatch(fields map[string]any) string {
	for _, c := range cs.tests {
		if !c.match(fields) {
			got, err := json.Marshal(fields[c.field])
			if _, there := fields[c.field]; !there || err != nil {
				got = []byte("missing")
			}
			return fmt.Sprintf("the condition on %q does not hold: it is %.100s", c.field, got)
		}
	}
	return ""
}

func matchAll(cs []condition, fields map[string]any) bool {
	return !slices.ContainsFunc(cs, func(c condition) bool { return !c.match(fields) })
}

func (c condition) match(fields map[string]any) bool {
	got, present := fields[c.field]
	switch c.op {
	case "eq":
		return present && reflect.DeepEqual(got, c.want)
	case "in":
		return present && slices.ContainsFunc(c.want.([]any), func(w any) bool { return reflect.DeepEqual(got, w) })
	case "exists":
		return present == c.want.(bool)
	case "not":
		return !matchAll(c.want.([]condition), fields)
	}
	n, isNumber := got.(float64)
	limit := c.want.(float64)
	if !isNumber {
		return false
	}
	switch c.op {
	case "gt":
		return n > limit
	case "gte":
		return n >= limit
	case "lt":
		return n < limit
	default:
		return n <= limit
	}
}

// Trial is what a trigger would do at an event.
type Trial struct {
	Fires  bool
	Reason string // why it does not fire; "" if it does
	Units  int    // that would get numbers or placeholders
	Group  int    // units in a group, at most
}

// Try returns what t would do at an event about a part, by the event alone: what is in
// the database is not looked at. The error is a *[Rejection] of the event's fields.
func (t *Trigger) Try(e *Event, partID string) (Trial, error) {
	f, err := e.Fields()
	if err != nil {
		return Trial{}, err
	}
	var object map[string]any
	if err := json.Unmarshal(e.Data, &object); err != nil {
		return Trial{}, jsonRejection(err)
	}
	occurrence, ok := e.Type.TriggerType()
	named := f.SerialNumber != "" || !f.SerialID.IsZero()
	reason := t.Mismatch(occurrence, f.OperationCode, object)
	switch {
	case !ok:
		reason = string(e.Type) + " is a request, which fires no trigger"
	case partID != t.PartID:
		reason = fmt.Sprintf("the trigger is for part %q, not %q", t.PartID, partID)
	case f.Result == ResultFail:
		reason = "the result is FAIL: triggers fire on PASS"
	case reason == "" && t.AssignmentType == AssignLate && !occurrence.Begins() && named:
		reason = "the event names a unit that has its number; the trigger is for those that wait"
	}
	if reason != "" {
		return Trial{Reason: reason}, nil
	}
	trial := Trial{Fires: true}
	trial.Units, trial.Group = t.Units(f.Quantity)
	if t.AssignmentType == AssignVendor {
		if trial.Units = len(f.VendorSerialNumbers); f.VendorSerialNumber != "" {
			trial.Units++
		}
		trial.Group = trial.Units
	}
	return trial, nil
}
