package ingest

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/machshop/seriald"
)

const (
	testMaxPayload = 64 << 10
	operationTopic = "machshop/plant1/line1/reader1/event/operation_complete"
)

// testRouter returns a router for routes with limits that tests reach.
func testRouter(tb testing.TB, routes ...Route) *Router {
	tb.Helper()
	r, err := NewRouter(routes, Limits{MaxPayload: testMaxPayload, Debounce: DefaultScanDebounce})
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

func made() string { return "made-1" }

// testNow is when messages come in tests.
var testNow = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

var testOrigin = seriald.Origin{Site: "plant1", Line: "line1", Device: "reader1"}

func TestDecode(t *testing.T) {
	t.Parallel()
	r := testRouter(t)
	of := func(change func(*seriald.Event)) *seriald.Event {
		e := &seriald.Event{ID: "e1", Type: seriald.TypeOperationComplete, Origin: testOrigin, Key: "reader1"}
		change(e)
		return e
	}
	const cloudEvent = `{"specversion":"1.0","id":"e1","source":"/elsewhere","type":"anything","subject":"S","partId":"outside",` +
		`"time":"2026-03-02T14:30:00.5+01:00","traceparent":"00-1-2-01","data":{"partId":"P","time":"2020-01-01T00:00:00Z"}}`
	at := time.Date(2026, 3, 2, 13, 30, 0, 500_000_000, time.UTC)
	for name, tc := range map[string]struct {
		payload string
		want    *seriald.Event // without Data
		data    string         // the payload if ""
	}{
		"plain JSON": {
			payload: `{"id":"e1","time":"2026-03-02T13:30:00.5Z","partId":"P","traceparent":"00-1-2-01","unknown":[1]}`,
			want:    of(func(e *seriald.Event) { e.Key, e.Time, e.TraceParent = "P", at, "00-1-2-01" }),
		},
		"a CloudEvent": {
			payload: cloudEvent,
			want:    of(func(e *seriald.Event) { e.Key, e.Time, e.TraceParent = "P", at, "00-1-2-01" }),
			data:    `{"partId":"P","time":"2020-01-01T00:00:00Z"}`,
		},
		"no id":              {payload: `{"partId":"P"}`, want: of(func(e *seriald.Event) { e.ID, e.Key = "made-1", "P" })},
		"an id that is null": {payload: `{"id":null,"partId":"P"}`, want: of(func(e *seriald.Event) { e.ID, e.Key = "made-1", "P" })},
		"a CloudEvent without id": {
			payload: `{"specversion":"1.0","data":{"partId":"P","id":"in the data"}}`, data: `{"partId":"P","id":"in the data"}`,
			want: of(func(e *seriald.Event) { e.ID, e.Key = "made-1", "P" }),
		},
		"an id of 128 bytes": {
			payload: `{"id":"` + strings.Repeat("é", 64) + `"}`, want: of(func(e *seriald.Event) { e.ID = seriald.EventID(strings.Repeat("é", 64)) }),
		},
		"white space around it": {payload: " \r\n{\"id\":\"e1\"}\n", want: of(func(*seriald.Event) {})},
		"nothing in it":         {payload: `{}`, want: of(func(e *seriald.Event) { e.ID = "made-1" })},
		"a time that is null":   {payload: `{"id":"e1","time":null}`, want: of(func(*seriald.Event) {})},
		"a time in Kathmandu": {
			payload: `{"id":"e1","time":"2026-03-02T19:15:00.5+05:45"}`, want: of(func(e *seriald.Event) { e.Time = at }),
		},

		"key: the part before all":     {payload: `{"id":"e1","vendorSerialNumber":"V","serialNumber":"S","partId":"P"}`, want: of(func(e *seriald.Event) { e.Key = "P" })},
		"key: the serial":              {payload: `{"id":"e1","placeholderId":"H","serialNumber":"S"}`, want: of(func(e *seriald.Event) { e.Key = "S" })},
		"key: the serial's id":         {payload: `{"id":"e1","serialId":"I","sourceSerialId":"Q"}`, want: of(func(e *seriald.Event) { e.Key = "I" })},
		"key: the source":              {payload: `{"id":"e1","sourceSerialId":"Q","placeholderId":"H"}`, want: of(func(e *seriald.Event) { e.Key = "Q" })},
		"key: the placeholder":         {payload: `{"id":"e1","placeholderId":"H","vendorSerialId":"J"}`, want: of(func(e *seriald.Event) { e.Key = "H" })},
		"key: the vendor serial's id":  {payload: `{"id":"e1","vendorSerialId":"J","vendorSerialNumber":"V"}`, want: of(func(e *seriald.Event) { e.Key = "J" })},
		"key: the vendor's number":     {payload: `{"id":"e1","vendorSerialNumber":"V"}`, want: of(func(e *seriald.Event) { e.Key = "V" })},
		"key: the device":              {payload: `{"id":"e1","partId":""}`, want: of(func(*seriald.Event) {})},
		"key: the data's, not outside": {payload: `{"specversion":"1.0","id":"e1","partId":"P","data":{}}`, data: `{}`, want: of(func(*seriald.Event) {})},

		// What is wrong with a field is judged with the others, and has an outcome.
		"a part that is a number": {payload: `{"id":"e1","partId":5,"serialNumber":"S"}`, want: of(func(e *seriald.Event) { e.Key = "S" })},
		"a trace that is none":    {payload: `{"id":"e1","traceparent":{}}`, want: of(func(*seriald.Event) {})},
		"a CloudEvent's part that is a number": {
			payload: `{"specversion":"1.0","id":"e1","data":{"partId":[]}}`, data: `{"partId":[]}`, want: of(func(*seriald.Event) {}),
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, err := r.Decode(operationTopic, []byte(tc.payload), testNow, made)
			if err != nil {
				t.Fatal(err)
			}
			got := m.Event
			if m.Code != "" || m.Debounce != 0 {
				t.Errorf("got code %q within %s of what was not scanned", m.Code, m.Debounce)
			}
			data := tc.data
			if data == "" {
				data = tc.payload
			}
			if string(got.Data) != data {
				t.Errorf("data: got %s, want %s", got.Data, data)
			}
			got.Data = nil
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	r := testRouter(t)
	nested := func(depth int) string {
		return `{"id":"e1","a":` + strings.Repeat("[", depth-1) + strings.Repeat("]", depth-1) + "}"
	}
	for name, tc := range map[string]struct {
		topic, payload string // operationTopic if ""
		code           seriald.Code
		field, text    string
		id             seriald.EventID // that the device can be told
	}{
		"another topic":     {topic: "machshop/plant1/line1/reader1/result", payload: `{"id":"e1"}`, code: seriald.CodeBadTopic, text: "machshop/{site}"},
		"a line with a dot": {topic: "machshop/plant1/line.1/reader1/event/serial_generate", code: seriald.CodeBadTopic, field: "line", text: "line.1"},
		"an unknown type": {
			topic: "machshop/plant1/line1/reader1/event/serial_make", payload: `{"id":"e1"}`,
			code: seriald.CodeUnknownType, text: `"serial_make" is not known; known are material_receipt`, id: "e1",
		},
		"an unknown type without id": {
			topic: "machshop/plant1/line1/reader1/event/", payload: `{}`, code: seriald.CodeUnknownType, text: `""`, id: "made-1",
		},
		"too long": {
			payload: `{"id":"e1","note":"` + strings.Repeat("x", testMaxPayload) + `"}`,
			code:    seriald.CodePayloadTooLarge, text: "payload has more than the 65536 bytes that are taken",
		},
		"not UTF-8":              {payload: "{\"id\":\"e1\",\"note\":\"\xff\"}", code: seriald.CodeValidation, text: "payload is not valid UTF-8"},
		"Latin-1":                {payload: "{\"id\":\"caf\xe9\"}", code: seriald.CodeValidation, text: "payload is not valid UTF-8"},
		"nothing":                {payload: "", code: seriald.CodeValidation, text: "payload is not valid JSON at byte 0"},
		"text that is not JSON":  {payload: "PART-001", code: seriald.CodeValidation, text: "payload is not valid JSON at byte 1"},
		"cut off":                {payload: `{"id":"e1"`, code: seriald.CodeValidation, text: "payload is not valid JSON at byte 10"},
		"more behind it":         {payload: `{"id":"e1"} {}`, code: seriald.CodeValidation, text: "payload is not valid JSON at byte 13"},
		"a byte order mark":      {payload: "\ufeff{}", code: seriald.CodeValidation, text: "payload is not valid JSON at byte 1"},
		"null":                   {payload: `null`, code: seriald.CodeValidation, text: "payload must be a JSON object"},
		"an array":               {payload: `[{"id":"e1"}]`, code: seriald.CodeValidation, text: "payload must be a JSON object"},
		"a string":               {payload: `"x"`, code: seriald.CodeValidation, text: "payload must be a JSON object"},
		"a number":               {payload: `5`, code: seriald.CodeValidation, text: "payload must be a JSON object"},
		"nested too deep":        {payload: nested(65), code: seriald.CodeValidation, text: "nested deeper than 64"},
		"nested by ten thousand": {payload: nested(10_000), code: seriald.CodeValidation, text: "nested deeper than 64"},

		"an id that is a number":  {payload: `{"id":5}`, code: seriald.CodeValidation, field: "id", text: "must be a string"},
		"an id that is an object": {payload: `{"id":{}}`, code: seriald.CodeValidation, field: "id", text: "must be a string"},
		"an id that is false":     {payload: `{"id":false}`, code: seriald.CodeValidation, field: "id", text: "must be a string"},
		"an empty id":             {payload: `{"id":""}`, code: seriald.CodeValidation, field: "id", text: "must not be empty"},
		"an id that is too long":  {payload: `{"id":"` + strings.Repeat("é", 65) + `"}`, code: seriald.CodeValidation, field: "id", text: "longer than 128 bytes"},
		"an id with a line feed":  {payload: `{"id":"a\nb"}`, code: seriald.CodeValidation, field: "id", text: "control characters"},
		"half a surrogate pair":   {payload: `{"id":"a\udc00"}`, code: seriald.CodeValidation, field: "id", text: "broken UTF-8"},

		"a time without an offset": {payload: `{"id":"e1","time":"2026-03-02T14:30:00"}`, code: seriald.CodeValidation, field: "time", text: `"2026-03-02T14:30:00" is not an RFC 3339 time`, id: "e1"},
		"a time with a space":      {payload: `{"id":"e1","time":"2026-03-02 14:30:00Z"}`, code: seriald.CodeValidation, field: "time", text: "RFC 3339", id: "e1"},
		"a date for a time":        {payload: `{"id":"e1","time":"2026-03-02"}`, code: seriald.CodeValidation, field: "time", text: "RFC 3339", id: "e1"},
		"an empty time":            {payload: `{"id":"e1","time":""}`, code: seriald.CodeValidation, field: "time", text: "RFC 3339", id: "e1"},
		"seconds for a time":       {payload: `{"id":"e1","time":1772458200}`, code: seriald.CodeValidation, field: "time", text: "1772458200 is not", id: "e1"},
		"a day that is none":       {payload: `{"id":"e1","time":"2026-02-30T00:00:00Z"}`, code: seriald.CodeValidation, field: "time", text: "RFC 3339", id: "e1"},

		"another specversion":            {payload: `{"specversion":"0.3","id":"e1","data":{}}`, code: seriald.CodeValidation, field: "specversion", text: `must be "1.0", not "0.3"`, id: "e1"},
		"a specversion that is a number": {payload: `{"specversion":1.0,"id":"e1","data":{}}`, code: seriald.CodeValidation, field: "specversion", text: `must be "1.0", not 1.0`, id: "e1"},
		"a specversion that is null":     {payload: `{"specversion":null,"id":"e1","partId":"P"}`, code: seriald.CodeValidation, field: "specversion", text: `not null`, id: "e1"},
		"a specversion that is empty":    {payload: `{"specversion":"","id":"e1","partId":"P"}`, code: seriald.CodeValidation, field: "specversion", text: `not ""`, id: "e1"},
		"a status as an event":           {topic: "machshop/plant1/line1/reader1/event/device_status", payload: `{"id":"e1","status":"online"}`, code: seriald.CodeUnknownType, text: "device_status", id: "e1"},
		"no data":                        {payload: `{"specversion":"1.0","id":"e1"}`, code: seriald.CodeValidation, field: "data", text: "must be a JSON object", id: "e1"},
		"data that is null":              {payload: `{"specversion":"1.0","id":"e1","data":null}`, code: seriald.CodeValidation, field: "data", text: "must be a JSON object", id: "e1"},
		"data that is an array":          {payload: `{"specversion":"1.0","id":"e1","data":[{}]}`, code: seriald.CodeValidation, field: "data", text: "must be a JSON object", id: "e1"},
		"data that is a string":          {payload: `{"specversion":"1.0","id":"e1","data":"{}"}`, code: seriald.CodeValidation, field: "data", text: "must be a JSON object", id: "e1"},
		"a CloudEvent's bad time":        {payload: `{"specversion":"1.0","id":"e1","time":"now","data":{}}`, code: seriald.CodeValidation, field: "time", text: `"now"`, id: "e1"},
		"a CloudEvent with bad id":       {payload: `{"specversion":"1.0","id":7,"data":{}}`, code: seriald.CodeValidation, field: "id", text: "must be a string"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			topic := tc.topic
			if topic == "" {
				topic = operationTopic
			}
			m, err := r.Decode(topic, []byte(tc.payload), testNow, made)
			e := m.Event
			got, ok := errors.AsType[*seriald.Rejection](err)
			if !ok {
				t.Fatalf("got %.200q, %v, want a refusal", e.Data, err)
			}
			if got.Code != tc.code || got.Field != tc.field || !strings.Contains(got.Message, tc.text) {
				t.Errorf("got %v, want code %s, field %q and %q in the message", got, tc.code, tc.field, tc.text)
			}
			want := testOrigin
			if tc.code == seriald.CodeBadTopic {
				want = seriald.Origin{}
			}
			if e.Origin != want || e.ID != tc.id {
				t.Errorf("to be told: got %+v of %q, want %+v of %q", e.Origin, e.ID, want, tc.id)
			}
		})
	}
}

func TestDecodeTakesTheLongestPayload(t *testing.T) {
	t.Parallel()
	payload := `{"id":"e1","note":"` + strings.Repeat("x", testMaxPayload) + `"}`
	r, err := NewRouter(nil, Limits{MaxPayload: len(payload)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Decode(operationTopic, []byte(payload), testNow, nil); err != nil {
		t.Error(err)
	}
}

// What the bridge takes the processors can read. Brackets in texts are not nested.
func TestDecodeTakesManyBrackets(t *testing.T) {
	t.Parallel()
	r := testRouter(t)
	deepest, err := NewRouter(nil, Limits{MaxPayload: testMaxPayload, MaxDepth: mostDepth})
	if err != nil {
		t.Fatal(err)
	}
	for name, payload := range map[string]string{
		"in a text":         `{"id":"e1","a":"` + strings.Repeat("[", 20_000) + `"}`,
		"behind a quote":    `{"id":"e1","a":"\"` + strings.Repeat("{", 20_000) + `\\"}`,
		"beside each other": `{"id":"e1","a":[` + strings.Repeat("[],", 10_000) + `[]]}`,
		"nested by 64":      `{"id":"e1","a":` + strings.Repeat(`{"a":`, 63) + "1" + strings.Repeat("}", 63) + "}",
		"nested by 1000":    `{"id":"e1","a":` + strings.Repeat(`{"a":`, 999) + "1" + strings.Repeat("}", 999) + "}",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := r
			if name == "nested by 1000" {
				r = deepest
			}
			m, err := r.Decode(operationTopic, []byte(payload), testNow, nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := seriald.DecodeEvent(m.Event.Encode()); err != nil {
				t.Error(err)
			}
		})
	}
}
