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

// TriggerOperationComplete fires when an operation on a unit is done.
const TriggerOperationComplete TriggerType = "OPERATION_COMPLETE"

// TriggerType returns the occurrence an event stands for; ok is false for an
// event that is a request and no occurrence.
func (t EventType) TriggerType() (typ TriggerType, ok bool) {
	if t == TypeOperationComplete {
		return TriggerOperationComplete, true
	}
	return "", false
}

// AssignmentType says how a trigger gives numbers.
type AssignmentType string

// AssignGenerated makes numbers by the part's format.
const AssignGenerated AssignmentType = "SYSTEM_GENERATED"

// Trigger is "when this happens to this part, assign serials this way".
type Trigger struct {
	ID             ID
	PartID         string
	Type           TriggerType
	OperationCode  string // "" fires at every operation
	Conditions     Conditions
	AssignmentType AssignmentType
	FormatID       string // "" for the part's default
	BatchMode      bool
	BatchSize      int // units per group in batch mode
}

// Matches reports whether t fires for an occurrence of typ at operation, with
// fields as the event's decoded JSON object.
func (t *Trigger) Matches(typ TriggerType, operation string, fields map[string]any) bool {
	return t.Type == typ && (t.OperationCode == "" || t.OperationCode == operation) && t.Conditions.Match(fields)
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
type Conditions []condition

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
	if len(b) == 0 || string(b) == "null" {
		return nil, nil
	}
	var object map[string]any
	if err := json.Unmarshal(b, &object); err != nil {
		return nil, fmt.Errorf("conditions must be a JSON object: %w", err)
	}
	var cs Conditions
	for _, field := range slices.Sorted(maps.Keys(object)) {
		parsed, err := parseCondition(field, object[field])
		if err != nil {
			return nil, err
		}
		cs = append(cs, parsed...)
	}
	return cs, nil
}

func parseCondition(field string, v any) (Conditions, error) {
	ops, ok := v.(map[string]any)
	if !ok {
		return Conditions{{field, "eq", v}}, nil
	}
	var cs Conditions
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
func (cs Conditions) Match(fields map[string]any) bool {
	for _, c := range cs {
		if !c.match(fields) {
			return false
		}
	}
	return true
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
		return !c.want.(Conditions).Match(fields)
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
