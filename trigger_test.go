package seriald_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/machshop/seriald"
)

func conditions(t *testing.T, text string) seriald.Conditions {
	t.Helper()
	cs, err := seriald.ParseConditions([]byte(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return cs
}

// object decodes an event's fields as the processors do.
func object(t *testing.T, text string) map[string]any {
	t.Helper()
	var fields map[string]any
	if err := json.Unmarshal([]byte(text), &fields); err != nil {
		t.Fatal(err)
	}
	return fields
}

func TestConditionsMatch(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		conditions, fields string
		want               bool
	}{
		"none":            {``, `{}`, true},
		"null":            {`null`, `{}`, true},
		"an empty object": {`{}`, `{"a":1}`, true},

		"equal text":                {`{"a":"x"}`, `{"a":"x"}`, true},
		"text in another case":      {`{"a":"x"}`, `{"a":"X"}`, false},
		"equal number":              {`{"a":2}`, `{"a":2.0}`, true},
		"another number":            {`{"a":2}`, `{"a":2.5}`, false},
		"a number and its text":     {`{"a":2}`, `{"a":"2"}`, false},
		"equal boolean":             {`{"a":false}`, `{"a":false}`, true},
		"false is not nothing":      {`{"a":false}`, `{}`, false},
		"null that is there":        {`{"a":null}`, `{"a":null}`, true},
		"null that is missing":      {`{"a":null}`, `{}`, false},
		"equal array":               {`{"a":[1,"x"]}`, `{"a":[1,"x"]}`, true},
		"array in another order":    {`{"a":[1,"x"]}`, `{"a":["x",1]}`, false},
		"an object against a text":  {`{"a":"x"}`, `{"a":{"b":"x"}}`, false},
		"a name in another case":    {`{"a":1}`, `{"A":1}`, false},
		"fields joined by AND":      {`{"a":1,"b":2}`, `{"a":1,"b":2,"c":3}`, true},
		"one of two does not hold":  {`{"a":1,"b":2}`, `{"a":1,"b":3}`, false},
		"one of two is missing":     {`{"a":1,"b":2}`, `{"a":1}`, false},
		"no operators hold for all": {`{"a":{}}`, `{}`, true},

		"in":               {`{"a":{"in":["x",2,null]}}`, `{"a":2}`, true},
		"in, the last":     {`{"a":{"in":["x",2,null]}}`, `{"a":null}`, true},
		"not in":           {`{"a":{"in":["x",2]}}`, `{"a":"y"}`, false},
		"in nothing":       {`{"a":{"in":[]}}`, `{"a":"y"}`, false},
		"in, missing":      {`{"a":{"in":[null]}}`, `{}`, false},
		"in, another type": {`{"a":{"in":["2"]}}`, `{"a":2}`, false},

		"gt, above":           {`{"a":{"gt":5}}`, `{"a":5.1}`, true},
		"gt, equal":           {`{"a":{"gt":5}}`, `{"a":5}`, false},
		"gt, missing":         {`{"a":{"gt":-5}}`, `{}`, false},
		"gt, a text":          {`{"a":{"gt":5}}`, `{"a":"6"}`, false},
		"gte, equal":          {`{"a":{"gte":5}}`, `{"a":5}`, true},
		"gte, below":          {`{"a":{"gte":5}}`, `{"a":4.9}`, false},
		"lt, below":           {`{"a":{"lt":5}}`, `{"a":4.9}`, true},
		"lt, equal":           {`{"a":{"lt":5}}`, `{"a":5}`, false},
		"lt, null":            {`{"a":{"lt":5}}`, `{"a":null}`, false},
		"lte, equal":          {`{"a":{"lte":5}}`, `{"a":5}`, true},
		"lte, above":          {`{"a":{"lte":5}}`, `{"a":5.1}`, false},
		"lte, missing":        {`{"a":{"lte":5}}`, `{}`, false},
		"a range, within":     {`{"a":{"gte":2,"lt":5}}`, `{"a":2}`, true},
		"a range, at its end": {`{"a":{"gte":2,"lt":5}}`, `{"a":5}`, false},
		"a range, before it":  {`{"a":{"gte":2,"lt":5}}`, `{"a":1}`, false},

		"exists":                   {`{"a":{"exists":true}}`, `{"a":null}`, true},
		"exists, missing":          {`{"a":{"exists":true}}`, `{}`, false},
		"exists not":               {`{"a":{"exists":false}}`, `{}`, true},
		"exists not, and is there": {`{"a":{"exists":false}}`, `{"a":null}`, false},

		"not a value":                  {`{"a":{"not":"x"}}`, `{"a":"y"}`, true},
		"not a value, equal":           {`{"a":{"not":"x"}}`, `{"a":"x"}`, false},
		"not a value, missing":         {`{"a":{"not":"x"}}`, `{}`, true},
		"not null":                     {`{"a":{"not":null}}`, `{"a":0}`, true},
		"not an operator":              {`{"a":{"not":{"gt":5}}}`, `{"a":5}`, true},
		"not an operator, which holds": {`{"a":{"not":{"gt":5}}}`, `{"a":6}`, false},
		"not an operator, missing":     {`{"a":{"not":{"gt":5}}}`, `{}`, true},
		"not one of several":           {`{"a":{"not":{"in":["x","y"]}}}`, `{"a":"z"}`, true},
		"not a whole range":            {`{"a":{"not":{"gte":2,"lt":5}}}`, `{"a":5}`, true},
		"not a whole range, within":    {`{"a":{"not":{"gte":2,"lt":5}}}`, `{"a":4}`, false},
		"not not":                      {`{"a":{"not":{"not":"x"}}}`, `{"a":"x"}`, true},
		"not not, another":             {`{"a":{"not":{"not":"x"}}}`, `{"a":"y"}`, false},
		"not not, missing":             {`{"a":{"not":{"not":"x"}}}`, `{}`, false},
		"not of nothing":               {`{"a":{"not":{}}}`, `{"a":1}`, false},
		"not beside another":           {`{"a":{"exists":true,"not":"x"}}`, `{}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := conditions(t, tc.conditions).Match(object(t, tc.fields)); got != tc.want {
				t.Errorf("%s on %s: got %t, want %t", tc.conditions, tc.fields, got, tc.want)
			}
		})
	}
}

func TestParseConditionsRefuses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ conditions, want string }{
		"no JSON":                  {`{"a":`, "must be a JSON object"},
		"an array":                 {`[]`, "must be a JSON object"},
		"a text":                   {`"a"`, "must be a JSON object"},
		"an unknown operator":      {`{"a":{"eq":1}}`, `condition on "a": unknown operator "eq"; known are in, gt, gte, lt, lte, exists, not`},
		"in without an array":      {`{"a":{"in":"x"}}`, `condition on "a": "in" takes an array`},
		"gt without a number":      {`{"a":{"gt":"5"}}`, `condition on "a": "gt" takes a number`},
		"gte without a number":     {`{"a":{"gte":null}}`, `condition on "a": "gte" takes a number`},
		"lt without a number":      {`{"a":{"lt":[5]}}`, `condition on "a": "lt" takes a number`},
		"lte without a number":     {`{"a":{"lte":true}}`, `condition on "a": "lte" takes a number`},
		"exists without a boolean": {`{"a":{"exists":1}}`, `condition on "a": "exists" takes true or false`},
		"an error behind not":      {`{"a":1,"b":{"not":{"not":{"lt":"x"}}}}`, `condition on "b": "lt" takes a number`},
		"the second of two":        {`{"a":{"gt":1,"in":1}}`, `"in" takes an array`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := seriald.ParseConditions([]byte(tc.conditions))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, %v, want an error with %q", got, err, tc.want)
			}
		})
	}
}

// FuzzParseConditions holds that what is taken as a trigger's conditions can be
// asked of every event.
func FuzzParseConditions(f *testing.F) {
	f.Add([]byte(`{"a":{"not":{"in":[1]}},"b":2}`), []byte(`{"a":1,"b":2}`))
	f.Add([]byte(`{"a":{"gte":1,"lt":2,"exists":true}}`), []byte(`{"a":[]}`))
	f.Add([]byte(`{"a":{}}`), []byte(`null`))
	f.Fuzz(func(t *testing.T, text, event []byte) {
		cs, err := seriald.ParseConditions(text)
		if err != nil {
			return
		}
		var fields map[string]any
		_ = json.Unmarshal(event, &fields)
		if first, again := cs.Match(fields), cs.Match(fields); first != again {
			t.Errorf("first %t, then %t", first, again)
		}
	})
}

func TestTriggerMatches(t *testing.T) {
	t.Parallel()
	at := func(operation, cs string) *seriald.Trigger {
		return &seriald.Trigger{Active: true, Type: seriald.TriggerOperationComplete, OperationCode: operation, Conditions: conditions(t, cs)}
	}
	for name, tc := range map[string]struct {
		trigger   *seriald.Trigger
		typ       seriald.TriggerType
		operation string
		want      bool
	}{
		"at its operation":              {at("OP-010", ""), seriald.TriggerOperationComplete, "OP-010", true},
		"at another":                    {at("OP-010", ""), seriald.TriggerOperationComplete, "OP-020", false},
		"at none":                       {at("OP-010", ""), seriald.TriggerOperationComplete, "", false},
		"at every operation":            {at("", ""), seriald.TriggerOperationComplete, "OP-020", true},
		"another occurrence":            {at("OP-010", ""), seriald.TriggerQualityCheckpoint, "OP-010", false},
		"its conditions hold":           {at("", `{"lotNumber":"L1"}`), seriald.TriggerOperationComplete, "OP-010", true},
		"its conditions do not":         {at("", `{"lotNumber":"L2"}`), seriald.TriggerOperationComplete, "OP-010", false},
		"disabled":                      {&seriald.Trigger{Type: seriald.TriggerOperationComplete}, seriald.TriggerOperationComplete, "OP-010", false},
		"its conditions hold elsewhere": {at("OP-020", `{"lotNumber":"L1"}`), seriald.TriggerOperationComplete, "OP-010", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := tc.trigger.Matches(tc.typ, tc.operation, map[string]any{"lotNumber": "L1"}); got != tc.want {
				t.Errorf("got %t, want %t", got, tc.want)
			}
			// Why it does not fire is said just then.
			if why := tc.trigger.Mismatch(tc.typ, tc.operation, map[string]any{"lotNumber": "L1"}); (why == "") != tc.want {
				t.Errorf("got %q", why)
			}
		})
	}
}

func TestTriggerTypeOfEvents(t *testing.T) {
	t.Parallel()
	for typ, want := range map[seriald.EventType]seriald.TriggerType{
		seriald.TypeMaterialReceipt:     seriald.TriggerMaterialReceipt,
		seriald.TypeWorkOrderCreate:     seriald.TriggerWorkOrderCreate,
		seriald.TypeOperationComplete:   seriald.TriggerOperationComplete,
		seriald.TypeQualityCheckpoint:   seriald.TriggerQualityCheckpoint,
		seriald.TypeBatchCompletion:     seriald.TriggerBatchCompletion,
		seriald.TypeSerialGenerate:      "",
		seriald.TypeVendorSerialReceive: "",
	} {
		if got, ok := typ.TriggerType(); got != want || ok != (want != "") {
			t.Errorf("%s: got %q, %t, want %q", typ, got, ok, want)
		}
	}
}

func TestTriggerUnits(t *testing.T) {
	t.Parallel()
	quantity := func(n int) *int { return &n }
	for name, tc := range map[string]struct {
		trigger          seriald.Trigger
		quantity         *int
		units, groupSize int
	}{
		"one":                              {seriald.Trigger{BatchSize: 10}, nil, 1, 1},
		"the quantity":                     {seriald.Trigger{BatchSize: 10}, quantity(25), 25, 25},
		"batch mode":                       {seriald.Trigger{BatchMode: true, BatchSize: 10}, nil, 10, 10},
		"batch mode, a quantity":           {seriald.Trigger{BatchMode: true, BatchSize: 10}, quantity(25), 25, 10},
		"batch mode, a smaller quantity":   {seriald.Trigger{BatchMode: true, BatchSize: 10}, quantity(3), 3, 10},
		"batch mode without size":          {seriald.Trigger{BatchMode: true}, nil, 1, 1},
		"batch mode without size, of many": {seriald.Trigger{BatchMode: true}, quantity(4), 4, 4},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if units, group := tc.trigger.Units(tc.quantity); units != tc.units || group != tc.groupSize {
				t.Errorf("got %d in groups of %d, want %d in groups of %d", units, group, tc.units, tc.groupSize)
			}
		})
	}
}
