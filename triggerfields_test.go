package seriald_test

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/machshop/seriald"
)

func triggerOf(data string, before seriald.Trigger) (*seriald.Trigger, error) {
	e := seriald.Event{Type: seriald.TypeTriggerUpdate, Data: json.RawMessage(data)}
	return e.Trigger(before)
}

// diffTriggers compares all of two triggers: cmp would ask Trigger.Equal, which leaves
// most of it aside.
func diffTriggers(want, got *seriald.Trigger) string {
	type all seriald.Trigger
	return cmp.Diff((*all)(want), (*all)(got), sameConditions)
}

// sameConditions compares what conditions are written as.
var sameConditions = cmp.Comparer(func(a, b seriald.Conditions) bool {
	x, err := json.Marshal(a)
	y, err2 := json.Marshal(b)
	return err == nil && err2 == nil && string(x) == string(y)
})

func TestTriggerTakes(t *testing.T) {
	t.Parallel()
	existing := seriald.Trigger{
		ID: trigger1, PartID: "P", Type: seriald.TriggerOperationComplete, OperationCode: "OP-010", Conditions: conditions(t, `{"lotNumber":"L1"}`),
		Priority: 7, AssignmentType: seriald.AssignGenerated, FormatID: "F", BatchMode: true, BatchSize: 10, // and disabled
	}
	with := func(change func(*seriald.Trigger)) seriald.Trigger {
		changed := existing
		change(&changed)
		return changed
	}
	for name, tc := range map[string]struct {
		data         string
		before, want seriald.Trigger
	}{
		"what it needs": {
			`{"partId":"P","triggerType":"QUALITY_CHECKPOINT","assignmentType":"LATE_ASSIGNMENT"}`,
			seriald.Trigger{},
			seriald.Trigger{PartID: "P", Type: seriald.TriggerQualityCheckpoint, AssignmentType: seriald.AssignLate, Priority: 100, BatchSize: 1, Active: true},
		},
		"all": {
			`{"partId":"P","triggerType":"OPERATION_COMPLETE","operationCode":"OP-010","conditions":{"lotNumber":"L1"},"assignmentType":"SYSTEM_GENERATED",
				"formatConfigId":"F","priority":-7,"batchMode":true,"batchSize":100000,"active":false,"note":"kept"}`,
			seriald.Trigger{},
			with(func(c *seriald.Trigger) { c.ID, c.Priority, c.BatchSize = seriald.ID{}, -7, 100_000 }),
		},
		"a vendor's at a receipt": {
			`{"partId":"P","triggerType":"MATERIAL_RECEIPT","assignmentType":"VENDOR"}`,
			seriald.Trigger{},
			seriald.Trigger{PartID: "P", Type: seriald.TriggerMaterialReceipt, AssignmentType: seriald.AssignVendor, Priority: 100, BatchSize: 1, Active: true},
		},
		"nothing":          {`{}`, existing, existing},
		"null for nothing": {`{"conditions":null,"operationCode":null,"active":null,"priority":null}`, existing, existing},
		"an operation":     {`{"operationCode":"OP-020"}`, existing, with(func(c *seriald.Trigger) { c.OperationCode = "OP-020" })},
		"no operation":     {`{"operationCode":""}`, existing, with(func(c *seriald.Trigger) { c.OperationCode = "" })},
		"conditions":       {`{"conditions":{"quantity":{"gt":1}}}`, existing, with(func(c *seriald.Trigger) { c.Conditions = conditions(t, `{"quantity":{"gt":1}}`) })},
		"no conditions":    {`{"conditions":{}}`, existing, with(func(c *seriald.Trigger) { c.Conditions = seriald.Conditions{} })},
		"no format":        {`{"formatConfigId":""}`, existing, with(func(c *seriald.Trigger) { c.FormatID = "" })},
		"priority 0":       {`{"priority":0}`, existing, with(func(c *seriald.Trigger) { c.Priority = 0 })},
		"no batches":       {`{"batchMode":false}`, existing, with(func(c *seriald.Trigger) { c.BatchMode = false })},
		"activity":         {`{"active":true}`, existing, with(func(c *seriald.Trigger) { c.Active = true })},
		"another part":     {`{"partId":"Q"}`, existing, with(func(c *seriald.Trigger) { c.PartID = "Q" })},
		"its id is what it was": {
			`{"id":"` + serial1.String() + `","triggerId":"` + serial1.String() + `"}`, existing, existing,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kept := tc.before
			got, err := triggerOf(tc.data, tc.before)
			if err != nil {
				t.Fatal(err)
			}
			if diff := diffTriggers(&tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if diff := diffTriggers(&kept, &tc.before); diff != "" {
				t.Errorf("what was before changed (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTriggerRefuses(t *testing.T) {
	t.Parallel()
	const begin = `{"partId":"P","triggerType":"OPERATION_COMPLETE","assignmentType":"SYSTEM_GENERATED",`
	for name, tc := range map[string]struct{ data, field, text string }{
		"no part":                      {`{"triggerType":"OPERATION_COMPLETE","assignmentType":"SYSTEM_GENERATED"}`, "partId", "is required"},
		"no type":                      {`{"partId":"P","assignmentType":"SYSTEM_GENERATED"}`, "triggerType", `QUALITY_CHECKPOINT or BATCH_COMPLETION, not ""`},
		"a type that is none":          {`{"partId":"P","triggerType":"operation_complete","assignmentType":"SYSTEM_GENERATED"}`, "triggerType", `not "operation_complete"`},
		"no assignment":                {`{"partId":"P","triggerType":"OPERATION_COMPLETE"}`, "assignmentType", `SYSTEM_GENERATED, VENDOR or LATE_ASSIGNMENT, not ""`},
		"an assignment that is none":   {begin + `"assignmentType":"BY_HAND"}`, "assignmentType", `not "BY_HAND"`},
		"a vendor's where none comes":  {begin + `"assignmentType":"VENDOR"}`, "assignmentType", "VENDOR needs MATERIAL_RECEIPT"},
		"a vendor's by a format":       {begin + `"triggerType":"MATERIAL_RECEIPT","assignmentType":"VENDOR","formatConfigId":"F"}`, "formatConfigId", "leave it out"},
		"batches of nothing":           {begin + `"batchSize":0}`, "batchSize", "must be from 1 to 100000, not 0"},
		"batches of too many":          {begin + `"batchSize":100001}`, "batchSize", "not 100001"},
		"a priority beyond":            {begin + `"priority":2147483648}`, "priority", "2147483648 is out of bounds"},
		"a priority below":             {begin + `"priority":-2147483649}`, "priority", "out of bounds"},
		"a part of 201 bytes":          {begin + `"partId":"` + strings.Repeat("x", 201) + `"}`, "partId", "longer than 200 bytes"},
		"an operation with a NUL":      {begin + `"operationCode":"a\u0000"}`, "operationCode", "NUL"},
		"a format of 201 bytes":        {begin + `"formatConfigId":"` + strings.Repeat("x", 201) + `"}`, "formatConfigId", "longer than 200 bytes"},
		"conditions that are none":     {begin + `"conditions":[]}`, "conditions", "must be a JSON object"},
		"an operator that is none":     {begin + `"conditions":{"quantity":{"above":1}}}`, "conditions", `unknown operator "above"`},
		"conditions of 4097 bytes":     {begin + `"conditions":{"a":"` + strings.Repeat("x", 4097-len(`{"a":""}`)) + `"}}`, "conditions", "longer than 4096 bytes"},
		"conditions with a NUL":        {begin + `"conditions":{"lotNumber":"a\u0000"}}`, "conditions", "NUL"},
		"a condition on a NUL":         {begin + `"conditions":{"\u0000":1}}`, "conditions", "NUL"},
		"a type that is a number":      {begin + `"triggerType":5}`, "triggerType", "must be a string, not number"},
		"a size that is a text":        {begin + `"batchSize":"5"}`, "batchSize", "must be a whole number, not string"},
		"a mode that is a text":        {begin + `"batchMode":"yes"}`, "batchMode", "must be true or false, not string"},
		"an update that breaks a rule": {begin + `"triggerType":"QUALITY_CHECKPOINT","assignmentType":"VENDOR"}`, "assignmentType", "VENDOR needs MATERIAL_RECEIPT"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := triggerOf(tc.data, seriald.Trigger{})
			if err == nil {
				t.Fatalf("got %+v", got)
			}
			wantRejection(t, err, seriald.CodeValidation, tc.field, tc.text)
		})
	}
}

// The longest conditions there may be are taken.
func TestTriggerTakesTheLongestConditions(t *testing.T) {
	t.Parallel()
	longest := `{"a":"` + strings.Repeat("x", seriald.MaxConditionsLength-len(`{"a":""}`)) + `"}`
	got, err := triggerOf(`{"partId":"P","triggerType":"OPERATION_COMPLETE","assignmentType":"SYSTEM_GENERATED","conditions":`+longest+`}`, seriald.Trigger{})
	if err != nil || !got.Conditions.Any() {
		t.Errorf("got %+v, %v", got, err)
	}
}

// What an update breaks of what was there is refused, as in a new one.
func TestTriggerUpdateIsChecked(t *testing.T) {
	t.Parallel()
	before := seriald.Trigger{ID: trigger1, PartID: "P", Type: seriald.TriggerMaterialReceipt, AssignmentType: seriald.AssignVendor, BatchSize: 1}
	for data, field := range map[string]string{
		`{"triggerType":"BATCH_COMPLETION"}`: "assignmentType", `{"formatConfigId":"F"}`: "formatConfigId", `{"partId":""}`: "partId",
		`{"batchSize":-1}`: "batchSize", `{"assignmentType":""}`: "assignmentType",
	} {
		_, err := triggerOf(data, before)
		if err == nil {
			t.Errorf("%s is taken", data)
			continue
		}
		wantRejection(t, err, seriald.CodeValidation, field)
	}
}

// conditionObjects draws conditions with every operator, and nots within nots, over a
// few fields and values, so that they hold as often as not.
func conditionObjects() *rapid.Generator[map[string]any] {
	value := rapid.SampledFrom([]any{"x", "y", 1.0, 2.0, true, nil, []any{1.0, "x"}})
	var test func(depth int) *rapid.Generator[any]
	test = func(depth int) *rapid.Generator[any] {
		return rapid.Custom(func(t *rapid.T) any {
			if depth == 0 || rapid.Bool().Draw(t, "is a value") {
				return value.Draw(t, "value")
			}
			ops := map[string]any{}
			for _, op := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"in", "gt", "gte", "lt", "lte", "exists", "not"}), 0, 2, rapid.ID).Draw(t, "operators") {
				switch op {
				case "in":
					ops[op] = rapid.SliceOfN(value, 0, 3).Draw(t, "in")
				case "exists":
					ops[op] = rapid.Bool().Draw(t, "exists")
				case "not":
					ops[op] = test(depth-1).Draw(t, "not")
				default:
					ops[op] = rapid.SampledFrom([]any{0.5, 1.0, 2.0}).Draw(t, op)
				}
			}
			return ops
		})
	}
	return rapid.MapOfN(rapid.SampledFrom([]string{"a", "b"}), test(3), 0, 2)
}

// fieldValues draws the fields of an event for [conditionObjects].
func fieldValues() *rapid.Generator[map[string]any] {
	value := rapid.SampledFrom([]any{"x", "y", 0.0, 1.0, 1.5, 2.0, true, nil, []any{1.0, "x"}})
	return rapid.MapOfN(rapid.SampledFrom([]string{"a", "b"}), value, 0, 2)
}

// Why a trigger does not fire is said exactly when it does not, and not is the
// opposite.
func TestMismatchAgreesWithMatches(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		object, fields := conditionObjects().Draw(rt, "conditions"), fieldValues().Draw(rt, "fields")
		types := []seriald.TriggerType{seriald.TriggerOperationComplete, seriald.TriggerBatchCompletion}
		operations := []string{"", "OP-010", "OP-020"}
		trigger := seriald.Trigger{
			Active: rapid.Bool().Draw(rt, "active") || rapid.Bool().Draw(rt, "often"), Type: types[0],
			OperationCode: rapid.SampledFrom(operations).Draw(rt, "operation"), Conditions: conditions(t, string(encode(t, object))),
		}
		typ, operation := rapid.SampledFrom(types).Draw(rt, "type"), rapid.SampledFrom(operations).Draw(rt, "at")
		matches, why := trigger.Matches(typ, operation, fields), trigger.Mismatch(typ, operation, fields)
		if matches != (why == "") {
			rt.Fatalf("fires: %t, and does not because %q", matches, why)
		}
		holds, why := trigger.Conditions.Match(fields), trigger.Conditions.Mismatch(fields)
		if holds != (why == "") {
			rt.Fatalf("hold: %t, and do not because %q", holds, why)
		}
		for field, test := range object {
			one := conditions(t, string(encode(t, map[string]any{field: test})))
			not := conditions(t, string(encode(t, map[string]any{field: map[string]any{"not": test}})))
			if one.Match(fields) == not.Match(fields) {
				rt.Fatalf("%v and not %v both: %t", test, test, one.Match(fields))
			}
		}
	})
}

// A trigger is written as trigger_create reads it.
func TestTriggerRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		text := rapid.StringMatching(`[A-Za-z0-9 é"\\<-]{0,20}`)
		want := &seriald.Trigger{
			PartID: "P" + text.Draw(rt, "part"), OperationCode: text.Draw(rt, "operation"), FormatID: text.Draw(rt, "format"),
			Type:           rapid.SampledFrom([]seriald.TriggerType{seriald.TriggerMaterialReceipt, seriald.TriggerBatchCompletion}).Draw(rt, "type"),
			AssignmentType: rapid.SampledFrom([]seriald.AssignmentType{seriald.AssignGenerated, seriald.AssignLate}).Draw(rt, "assignment"),
			Priority:       int(rapid.Int32().Draw(rt, "priority")), BatchSize: rapid.IntRange(1, seriald.MaxQuantity).Draw(rt, "size"),
			BatchMode: rapid.Bool().Draw(rt, "batches"), Active: rapid.Bool().Draw(rt, "active"),
			Conditions: conditions(t, string(encode(t, conditionObjects().Draw(rt, "conditions")))),
		}
		written := encode(t, want)
		got, err := triggerOf(string(written), seriald.Trigger{})
		if err != nil {
			rt.Fatalf("%s: %v", written, err)
		}
		if diff := diffTriggers(want, got); diff != "" {
			rt.Fatalf("%s (-want +got):\n%s", written, diff)
		}
		if !got.Equal(want) {
			rt.Fatalf("%s does not the same", written)
		}
	})
}

// Triggers are equal if they do the same at the same occurrence, whatever they are
// called, when they fire and how many make a group.
func TestTriggerEqual(t *testing.T) {
	t.Parallel()
	fields := map[string]any{"partId": "P", "triggerType": "OPERATION_COMPLETE", "operationCode": "OP-010", "assignmentType": "SYSTEM_GENERATED", "conditions": map[string]any{"a": 1, "b": "x"}}
	one, err := triggerOf(string(encode(t, fields)), seriald.Trigger{})
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		value any
		want  bool
	}{
		"priority": {1, true}, "batchSize": {5, true}, "active": {false, true}, "formatConfigId": {"F", true},
		"partId": {"Q", false}, "triggerType": {"BATCH_COMPLETION", false}, "operationCode": {"", false}, "assignmentType": {"LATE_ASSIGNMENT", false},
		"conditions": {map[string]any{"a": 1}, false},
	} {
		changed := maps.Clone(fields)
		changed[name] = tc.value
		other, err := triggerOf(string(encode(t, changed)), seriald.Trigger{})
		if err != nil {
			t.Fatal(err)
		}
		if got := one.Equal(other); got != tc.want {
			t.Errorf("another %s: got %t, want %t", name, got, tc.want)
		}
	}
	again, err := triggerOf(`{"partId":"P","triggerType":"OPERATION_COMPLETE","operationCode":"OP-010","assignmentType":"SYSTEM_GENERATED","conditions":{"b":"x","a":1.0}}`, seriald.Trigger{})
	if err != nil || !one.Equal(again) {
		t.Errorf("in another order: %v, not equal", err)
	}
}
