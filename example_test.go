package seriald_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/machshop/seriald"
)

// An event is published under a subject that says where it is from, what it is
// and by what it is ordered.
func ExampleEventSubject() {
	fmt.Println(seriald.EventSubject("plant1", seriald.TypeOperationComplete, "PART-001"))
	fmt.Println(seriald.EventSubject("plant1", seriald.TypeOperationComplete, "bolt M8 x 1.25"))
	// Output:
	// machshop.event.plant1.operation_complete.PART-001
	// machshop.event.plant1.operation_complete.bolt_M8_x_1_25
}

// On the streams events are CloudEvents in structured JSON.
func ExampleEvent_Encode() {
	e := seriald.Event{
		ID:     "reader1-000017",
		Type:   seriald.TypeOperationComplete,
		Origin: seriald.Origin{Site: "plant1", Line: "line1", Device: "reader1"},
		Key:    "PART-001",
		Time:   time.Date(2026, 3, 2, 14, 30, 0, 0, time.FixedZone("", 3600)),
		Data:   json.RawMessage(`{"partId":"PART-001","operationCode":"OP-010"}`),
	}
	var message bytes.Buffer
	if err := json.Indent(&message, e.Encode(), "", "  "); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(message.String())
	// Output:
	// {
	//   "specversion": "1.0",
	//   "id": "reader1-000017",
	//   "source": "/plant1/line1/reader1",
	//   "type": "machshop.event.operation_complete",
	//   "subject": "PART-001",
	//   "time": "2026-03-02T14:30:00+01:00",
	//   "datacontenttype": "application/json",
	//   "data": {
	//     "partId": "PART-001",
	//     "operationCode": "OP-010"
	//   }
	// }
}

// A refusal says which field is wrong, and what to do.
func ExampleEvent_Fields() {
	e := seriald.Event{Type: seriald.TypeSerialGenerate, Data: json.RawMessage(`{"partId":"PART-001","quantity":"5"}`)}
	_, err := e.Fields()
	fmt.Println(err)
	// Output:
	// VALIDATION_ERROR: quantity: must be a whole number, not string
}

// Conditions say for which events of its kind a trigger fires.
func ExampleParseConditions() {
	conditions, err := seriald.ParseConditions([]byte(`{
		"lotNumber":    {"exists": true},
		"quantity":     {"gte": 10, "lt": 100},
		"workCenterId": {"not": {"in": ["rework", "scrap"]}}
	}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(conditions.Match(map[string]any{"lotNumber": "L1", "quantity": 25.0, "workCenterId": "assembly"}))
	fmt.Println(conditions.Match(map[string]any{"lotNumber": "L1", "quantity": 25.0, "workCenterId": "rework"}))
	fmt.Println(conditions.Match(map[string]any{"lotNumber": "L1", "quantity": 100.0}))
	// Output:
	// true
	// false
	// false
}

// A counter that is reset daily begins anew at the site's own midnight.
func ExampleReset_Period() {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		fmt.Println(err)
		return
	}
	instant := time.Date(2026, 12, 31, 23, 30, 0, 0, time.UTC)
	fmt.Println(seriald.ResetDaily.Period(instant), seriald.ResetDaily.Period(instant.In(berlin)))
	fmt.Println(seriald.ResetWeekly.Period(instant), seriald.ResetWeekly.Period(instant.In(berlin)))
	// Output:
	// 2026-12-31 2027-01-01
	// 2026-W53 2026-W53
}
