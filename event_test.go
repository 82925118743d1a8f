package seriald_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/machshop/seriald"
)

func tokens() *rapid.Generator[string] { return rapid.StringMatching(`[A-Za-z0-9_-]{1,64}`) }

func origins() *rapid.Generator[seriald.Origin] {
	return rapid.Custom(func(t *rapid.T) seriald.Origin {
		return seriald.Origin{
			Site: tokens().Draw(t, "site"), Line: tokens().Draw(t, "line"), Device: tokens().Draw(t, "device"),
		}
	})
}

// eventIDs draws every kind of id that is taken.
func eventIDs() *rapid.Generator[seriald.EventID] {
	return rapid.Custom(func(t *rapid.T) seriald.EventID {
		runes := rapid.RuneFrom([]rune("A-0./:<&>\" "), unicode.L, unicode.N, unicode.P, unicode.Zs, unicode.Sm)
		return seriald.EventID(rapid.StringOfN(runes, 1, -1, seriald.MaxEventIDLength).Draw(t, "id"))
	})
}

// times draws device times: any year that RFC 3339 can write, any offset.
func times() *rapid.Generator[time.Time] {
	return rapid.Custom(func(t *rapid.T) time.Time {
		zone := time.FixedZone("", 60*rapid.IntRange(-23*60, 23*60).Draw(t, "offset"))
		return time.Date(rapid.IntRange(1, 9998).Draw(t, "year"), time.Month(rapid.IntRange(1, 12).Draw(t, "month")),
			rapid.IntRange(1, 28).Draw(t, "day"), rapid.IntRange(0, 23).Draw(t, "hour"), rapid.IntRange(0, 59).Draw(t, "minute"),
			rapid.IntRange(0, 59).Draw(t, "second"), rapid.IntRange(0, 999_999_999).Draw(t, "ns"), zone)
	})
}

// jsonObjects draws JSON objects, nested and with every kind of value.
func jsonObjects(depth int) *rapid.Generator[map[string]any] {
	values := []*rapid.Generator[any]{
		rapid.String().AsAny(), rapid.Float64Range(-1e15, 1e15).AsAny(), rapid.Bool().AsAny(), rapid.Just[any](nil),
	}
	if depth > 0 {
		values = append(values, jsonObjects(depth-1).AsAny(), rapid.SliceOfN(rapid.Int32().AsAny(), 0, 3).AsAny())
	}
	return rapid.MapOfN(rapid.String(), rapid.OneOf(values...), 0, 4)
}

func events(tb testing.TB) *rapid.Generator[*seriald.Event] {
	tb.Helper()
	return rapid.Custom(func(t *rapid.T) *seriald.Event {
		e := &seriald.Event{
			ID: eventIDs().Draw(t, "id"), Type: rapid.SampledFrom(seriald.EventTypes()).Draw(t, "type"),
			Origin: origins().Draw(t, "origin"), Key: rapid.String().Draw(t, "key"),
			Data: encode(tb, jsonObjects(2).Draw(t, "data")), TraceParent: rapid.String().Draw(t, "traceparent"),
		}
		if rapid.Bool().Draw(t, "has a time") {
			e.Time = times().Draw(t, "time")
		}
		return e
	})
}

func TestEventRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		want := events(t).Draw(rt, "event")
		encoded := want.Encode()
		got, err := seriald.DecodeEvent(encoded)
		if err != nil {
			rt.Fatalf("decode %s: %v", encoded, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			rt.Fatalf("(-want +got):\n%s", diff)
		}
		_, wantOffset := want.Time.Zone()
		if _, gotOffset := got.Time.Zone(); gotOffset != wantOffset {
			rt.Fatalf("got an offset of %d s, want %d", gotOffset, wantOffset)
		}
	})
}

// FuzzDecodeEvent holds what every message of the event stream, whoever sent it,
// must meet: no panic, a refusal that is one, or an event that can be passed on.
func FuzzDecodeEvent(f *testing.F) {
	f.Add([]byte(validEvent))
	f.Add([]byte(`{"specversion":"1.0","id":"a","source":"mes","type":"machshop.event.operation_complete","time":"2026-03-29T02:30:00+02:00","data":{"partId":"P","quantity":2}}`))
	f.Add([]byte(`{"specversion":1}`))
	f.Add([]byte(`null`))
	f.Add([]byte("{\"id\":\"\xff\"}"))
	f.Fuzz(func(t *testing.T, message []byte) {
		e, err := seriald.DecodeEvent(message)
		if err != nil {
			if r, ok := err.(*seriald.Rejection); !ok || r.Message == "" { //nolint:errorlint // DecodeEvent documents it
				t.Fatalf("got %T %v, want a *seriald.Rejection with a message", err, err)
			}
			return
		}
		encoded := e.Encode()
		again, err := seriald.DecodeEvent(encoded)
		if err != nil {
			t.Fatalf("decode %s again: %v", encoded, err)
		}
		if e.Origin.Site == "" {
			again.Origin = seriald.Origin{} // a source of the publisher's own shape
		}
		if diff := cmp.Diff(e, again); diff != "" {
			t.Errorf("(-first +again):\n%s", diff)
		}
		if _, err := e.Fields(); err == nil {
			return
		} else if _, ok := err.(*seriald.Rejection); !ok { //nolint:errorlint // Fields documents it
			t.Errorf("fields: got %T %v, want a *seriald.Rejection", err, err)
		}
	})
}

const validEvent = `{"specversion":"1.0","id":"evt-1","source":"/plant1/line1/reader1",` +
	`"type":"machshop.event.serial_generate","subject":"PART-001","data":{"partId":"PART-001"}}`

// changed returns the valid event with one text in it replaced.
func changed(t *testing.T, old, text string) string {
	t.Helper()
	if !strings.Contains(validEvent, old) {
		t.Fatalf("%q is not in the valid event", old)
	}
	return strings.Replace(validEvent, old, text, 1)
}

func TestDecodeEventRefuses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		message string
		code    seriald.Code
		field   string
		text    string
	}{
		"nothing":                     {"", seriald.CodeValidation, "", "not valid JSON"},
		"text that is not JSON":       {"PART-001", seriald.CodeValidation, "", "not valid JSON at byte 1"},
		"JSON that is cut off":        {validEvent[:40], seriald.CodeValidation, "", "not valid JSON at byte 40"},
		"an array":                    {`[` + validEvent + `]`, seriald.CodeValidation, "", "must be a JSON object, not array"},
		"a string":                    {`"x"`, seriald.CodeValidation, "", "must be a JSON object, not string"},
		"null":                        {`null`, seriald.CodeValidation, "specversion", "CloudEvents 1.0"},
		"no specversion":              {changed(t, `"specversion":"1.0",`, ``), seriald.CodeValidation, "specversion", "CloudEvents 1.0"},
		"another specversion":         {changed(t, `"1.0"`, `"0.3"`), seriald.CodeValidation, "specversion", "CloudEvents 1.0"},
		"specversion of another type": {changed(t, `"1.0"`, `1.0`), seriald.CodeValidation, "specversion", "must be a string, not number"},
		"no id":                       {changed(t, `"id":"evt-1",`, ``), seriald.CodeValidation, "id", "must not be empty"},
		"an empty id":                 {changed(t, `evt-1`, ``), seriald.CodeValidation, "id", "must not be empty"},
		"an id of another type":       {changed(t, `"evt-1"`, `17`), seriald.CodeValidation, "id", "must be a string, not number"},
		"an id that is too long":      {changed(t, `evt-1`, strings.Repeat("x", 129)), seriald.CodeValidation, "id", "longer than 128 bytes"},
		"an id too long in bytes":     {changed(t, `evt-1`, strings.Repeat("é", 65)), seriald.CodeValidation, "id", "longer than 128 bytes"},
		"an id with a line feed":      {changed(t, `evt-1`, `a\nb`), seriald.CodeValidation, "id", "control characters"},
		"an id with a NUL":            {changed(t, `evt-1`, `a\u0000`), seriald.CodeValidation, "id", "control characters"},
		"an id with a DEL":            {changed(t, `evt-1`, "a\x7f"), seriald.CodeValidation, "id", "control characters"},
		"an id with half a surrogate": {changed(t, `evt-1`, `a\ud800`), seriald.CodeValidation, "id", "broken UTF-8"},
		"no type":                     {changed(t, `"type":"machshop.event.serial_generate",`, ``), seriald.CodeUnknownType, "", "vendor_serial_reject, serial_generate"},
		"an unknown type":             {changed(t, `serial_generate`, `serial_make`), seriald.CodeUnknownType, "", `"serial_make"`},
		"a type of somebody else":     {changed(t, `machshop.event.serial_generate`, `com.example.made`), seriald.CodeUnknownType, "", `"com.example.made"`},
		"a type without its prefix":   {changed(t, `machshop.event.`, ``), seriald.CodeUnknownType, "", `"serial_generate"`},
		"no data":                     {changed(t, `,"data":{"partId":"PART-001"}`, ``), seriald.CodeValidation, "data", "fields of serial_generate"},
		"data null":                   {changed(t, `{"partId":"PART-001"}`, `null`), seriald.CodeValidation, "data", "must be a JSON object"},
		"data an array":               {changed(t, `{"partId":"PART-001"}`, ` [{}]`), seriald.CodeValidation, "data", "must be a JSON object"},
		"data a string":               {changed(t, `{"partId":"PART-001"}`, `"{}"`), seriald.CodeValidation, "data", "must be a JSON object"},
		"a source of another type":    {changed(t, `"/plant1/line1/reader1"`, `{}`), seriald.CodeValidation, "source", "must be a string, not object"},
		"a subject of another type":   {changed(t, `"subject":"PART-001"`, `"subject":true`), seriald.CodeValidation, "subject", "must be a string, not bool"},
		"a time without an offset":    {changed(t, `"data"`, `"time":"2026-03-01T12:00:00","data"`), seriald.CodeValidation, "time", "2026-03-01T12:00:00"},
		"a time that is a date":       {changed(t, `"data"`, `"time":"2026-03-01","data"`), seriald.CodeValidation, "time", "RFC 3339"},
		"a time of another type":      {changed(t, `"data"`, `"time":1772366400,"data"`), seriald.CodeValidation, "time", "RFC 3339"},
		"broken UTF-8 in the data":    {changed(t, `"partId":"PART-001"`, "\"partId\":\"PART-001\",\"note\":\"\xff\""), seriald.CodeValidation, "", "UTF-8"},
		"broken UTF-8 in the id":      {changed(t, `evt-1`, "a\xff"), seriald.CodeValidation, "", "UTF-8"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := seriald.DecodeEvent([]byte(tc.message))
			if err == nil {
				t.Fatalf("got %+v, want a refusal", got)
			}
			wantRejection(t, err, tc.code, tc.field, tc.text)
		})
	}
}

func TestDecodeEventTakes(t *testing.T) {
	t.Parallel()
	base := func(change func(*seriald.Event)) *seriald.Event {
		e := &seriald.Event{
			ID: "evt-1", Type: seriald.TypeSerialGenerate, Origin: seriald.Origin{Site: "plant1", Line: "line1", Device: "reader1"},
			Key: "PART-001", Data: json.RawMessage(`{"partId":"PART-001"}`),
		}
		change(e)
		return e
	}
	for name, tc := range map[string]struct {
		message string
		want    *seriald.Event
	}{
		"what is required": {validEvent, base(func(*seriald.Event) {})},
		"no subject":       {changed(t, `"subject":"PART-001",`, ``), base(func(e *seriald.Event) { e.Key = "" })},
		"an MES's own source": {
			changed(t, `/plant1/line1/reader1`, `https://mes.example/orders`),
			base(func(e *seriald.Event) { e.Origin = seriald.Origin{} }),
		},
		"an id of 128 bytes": {
			changed(t, `evt-1`, strings.Repeat("é", 64)),
			base(func(e *seriald.Event) { e.ID = seriald.EventID(strings.Repeat("é", 64)) }),
		},
		"a time with its offset": {
			changed(t, `"data"`, `"time":"2026-03-29T03:30:00.25+02:00","data"`),
			base(func(e *seriald.Event) { e.Time = time.Date(2026, 3, 29, 1, 30, 0, 250_000_000, time.UTC) }),
		},
		"attributes it does not know": {changed(t, `"data"`, `"dataschema":"x","extra":1,"data"`), base(func(*seriald.Event) {})},
		"fields it does not know": {
			changed(t, `{"partId":"PART-001"}`, `{"partId":"PART-001","colour":{"name":"red"}}`),
			base(func(e *seriald.Event) { e.Data = json.RawMessage(`{"partId":"PART-001","colour":{"name":"red"}}`) }),
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := seriald.DecodeEvent([]byte(tc.message))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestEncodeLeavesOutWhatIsNotKnown(t *testing.T) {
	t.Parallel()
	e := &seriald.Event{ID: "a", Type: seriald.TypeSerialGenerate, Data: json.RawMessage(`{}`)}
	got := e.Encode()
	for _, attribute := range []string{`"time"`, `"subject"`, `"traceparent"`} {
		if bytes.Contains(got, []byte(attribute)) {
			t.Errorf("got %s, want it without %s", got, attribute)
		}
	}
}

func TestParseSource(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		source string
		want   seriald.Origin
	}{
		"of a device":             {"/plant1/line_1/reader-1", seriald.Origin{Site: "plant1", Line: "line_1", Device: "reader-1"}},
		"empty":                   {"", seriald.Origin{}},
		"a URL":                   {"https://mes.example/a", seriald.Origin{}},
		"too few parts":           {"/plant1/line1", seriald.Origin{}},
		"too many parts":          {"/plant1/line1/reader1/port2", seriald.Origin{}},
		"an empty part":           {"/plant1//reader1", seriald.Origin{}},
		"a part that is no token": {"/plant1/line 1/reader1", seriald.Origin{}},
		"a part that is longer":   {"/plant1/line1/" + strings.Repeat("x", 65), seriald.Origin{}},
		"MQTT's wildcards":        {"/+/+/#", seriald.Origin{}},
		"JetStream's wildcards":   {"/*/*/>", seriald.Origin{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := seriald.ParseSource(tc.source); got != tc.want {
				t.Errorf("got %+v, want %+v", got, tc.want)
			}
		})
	}
}

func TestSourceRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := origins().Draw(t, "origin")
		if got := seriald.ParseSource(want.Source()); got != want {
			t.Fatalf("got %+v, want %+v", got, want)
		}
	})
}

func TestEveryTypeIsKnown(t *testing.T) {
	t.Parallel()
	for _, typ := range seriald.EventTypes() {
		if !typ.Known() {
			t.Errorf("%s is listed and not known", typ)
		}
	}
	for _, typ := range []seriald.EventType{"", "OPERATION_COMPLETE", "operation_complete "} {
		if typ.Known() {
			t.Errorf("%q is known", typ)
		}
	}
}
