package ingest

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/gs1"
)

// fuzzRoutes make of the topics below all that a route can.
func fuzzRoutes() []Route {
	return []Route{
		{
			Topic: "mes/{station}/#", Site: "s", Line: "l", Device: "d", Decoder: DecoderJSON, Event: "serial_generate",
			Map: map[string]string{"part": "partId", "no": "id", "at": "time"}, Defaults: map[string]any{"partId": "{station}", "quantity": 2},
		},
		{
			Topic: "split/{device}", Site: "s", Line: "l", Decoder: DecoderScan, Event: "vendor_serial_receive",
			Pattern: `(?P<partId>[^|]*)\|(?P<vendorSerialNumber>[^|]*)(?:\|.*)?`, Defaults: map[string]any{"vendorName": "ACME {line}"},
		},
	}
}

// wantDecoded holds what the bridge relies on, whatever a device publishes:
// either a refusal with a code of the closed set, or an event that the processors
// read as it was meant.
func wantDecoded(t *testing.T, r *Router, topic string, payload []byte) (Message, bool) {
	t.Helper()
	m, err := r.Decode(topic, payload, testNow, made)
	if m.Event == nil {
		t.Fatal("got no event")
	}
	if err != nil {
		codes := []seriald.Code{
			seriald.CodeBadTopic, seriald.CodePayloadTooLarge, seriald.CodeValidation, seriald.CodeUnknownType, seriald.CodeBadScan, seriald.CodeSiteNotFound,
		}
		rejection, ok := err.(*seriald.Rejection) //nolint:errorlint // Decode documents it
		if !ok || rejection.Message == "" || !slices.Contains(codes, rejection.Code) {
			t.Fatalf("got %T %v, want a *seriald.Rejection with one of the codes and a message", err, err)
		}
		if e := m.Event; e.Origin != (seriald.Origin{}) && e.Origin != seriald.ParseSource(e.Origin.Source()) {
			t.Fatalf("the device to be told can't be: %+v", e.Origin)
		}
		return m, false
	}
	encoded := m.Event.Encode()
	if !json.Valid(encoded) {
		t.Fatalf("encoded as %.500q", encoded)
	}
	got, err := seriald.DecodeEvent(encoded)
	if err != nil {
		t.Fatalf("decode %.500q: %v", encoded, err)
	}
	want := *m.Event
	want.Data = bytes.TrimSpace(want.Data)
	if diff := cmp.Diff(&want, got); diff != "" {
		t.Fatalf("%.500q (-bridge +processors):\n%s", encoded, diff)
	}
	return m, true
}

func FuzzDecodeJSON(f *testing.F) {
	for _, payload := range []string{
		`{"id":"e1","partId":"P","time":"2026-03-02T14:30:00+01:00"}`,
		" {\"ID\":\"e\\u0031\",\n\"partId\":5}\n",
		`null`,
		`{"time":"0001-01-01T05:00:00+05:00","vendorSerialNumber":"<\u2028\ud800"}`,
		` { "part" : "P" , "no":"7", "at":"2026-03-02T14:30:00Z", "x":{"part":1} } `,
		`{"part":"P","partId":"Q"}`,
		`{"PARTID":null}`,
		`{"a":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}`,
	} {
		f.Add([]byte(payload))
	}
	r := testRouter(f, fuzzRoutes()...)
	f.Fuzz(func(t *testing.T, payload []byte) {
		if m, ok := wantDecoded(t, r, operationTopic, payload); ok && !strings.Contains(string(payload), `pec`) && !bytes.Equal(m.Event.Data, payload) {
			t.Errorf("the event's data are %.500q, want the payload", m.Event.Data)
		}
		m, ok := wantDecoded(t, r, "mes/station4/x", payload)
		if !ok {
			return
		}
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(m.Event.Data, &fields); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"partId", "quantity"} {
			if !hasField(fields, name) {
				t.Errorf("got %.500q, want %s in it", m.Event.Data, name)
			}
		}
		if _, ok := fields["part"]; ok {
			t.Errorf("got %.500q, want part renamed", m.Event.Data)
		}
	})
}

// FuzzDecodeCloudEvent puts together what a CloudEvent is made of; each text is
// taken as it comes.
func FuzzDecodeCloudEvent(f *testing.F) {
	f.Add(`"1.0"`, `"e1"`, `"2026-03-02T14:30:00+01:00"`, ` {"partId":"P"} `, `,"traceparent":"x"`)
	f.Add(`1`, `null`, `null`, `null`, ``)
	f.Add(`"1.0"`, `"é"`, `"0000-01-01T00:00:00Z"`, `{"part":"P","data":{},"id":1}`, `,"data":{}`)
	f.Add(`"1.0"`, `""`, `"x"`, `[]`, `,"SPECVERSION":2`)
	r := testRouter(f, fuzzRoutes()...)
	f.Fuzz(func(t *testing.T, version, id, at, data, more string) {
		payload := []byte(`{"specversion":` + version + `,"id":` + id + `,"time":` + at + `,"data":` + data + more + `}`)
		for _, topic := range []string{operationTopic, "mes/station4"} {
			m, ok := wantDecoded(t, r, topic, payload)
			if ok && json.Valid([]byte(version)) && more == "" && version != `"1.0"` && strings.TrimSpace(version) == version && !strings.Contains(version, `\u`) {
				t.Errorf("%s: took specversion %s: %+v", topic, version, m.Event)
			}
		}
	})
}

func FuzzDecodeScan(f *testing.F) {
	for _, payload := range []string{
		"SN-1\r\n", " P|S ", "P|S|x", "||", "]C101095", "\x1d01", "[)>\x1e06", "HTTPS://id.gs1.org/01/0", `{"a":1}`,
		"\u00a0x\u200b", "é\xff", "\ufeffA", "a\x00b", "<&>\"\\", "\u2028", "ONLINE", `{"status":"offline"}`,
	} {
		f.Add([]byte(payload))
	}
	r := testRouter(f, fuzzRoutes()...)
	f.Fuzz(func(t *testing.T, payload []byte) {
		if m, ok := wantDecoded(t, r, "machshop/plant1/line1/reader1/scan", payload); ok {
			var fields struct{ SerialNumber, WorkCenterID, Scan string }
			if err := json.Unmarshal(m.Event.Data, &fields); err != nil {
				t.Fatal(err)
			}
			text := strings.TrimSpace(string(payload))
			var parser gs1.Parser
			read, err := parser.Parse(text)
			if err != nil {
				t.Fatalf("taken, and no scan: %v", err)
			}
			// A plain text is the serial number, without the reader's symbology
			// identifier; all else keeps what was read as evidence.
			wantCode, wantScan := read.Canonical(), text
			if read.Kind == gs1.KindPlain {
				wantCode, wantScan = strings.TrimSpace(read.Text), ""
				if fields.SerialNumber != wantCode || m.Event.Key != wantCode {
					t.Errorf("got %s with key %q, want %q", m.Event.Data, m.Event.Key, wantCode)
				}
			}
			if m.Code != wantCode || fields.Scan != wantScan || fields.WorkCenterID != "reader1" {
				t.Errorf("got %s with code %q, want code %q and scan %q", m.Event.Data, m.Code, wantCode, wantScan)
			}
			if _, err := m.Event.Fields(); err != nil {
				t.Errorf("the fields are refused later: %v", err)
			}
		}
		if m, ok := wantDecoded(t, r, "split/reader2", payload); ok {
			if m.Code == "" {
				t.Error("got no code")
			}
			if fields, err := m.Event.Fields(); err == nil && !strings.HasPrefix(m.Code, fields.PartID+"|"+fields.VendorSerialNumber) {
				t.Errorf("got %+v of %q", fields, m.Code)
			}
		}
		wantDecoded(t, r, "machshop/plant1/line1/reader1/status", payload)
	})
}

// FuzzTopic holds filters and topics to a plain reading of the standard, and what
// is taken as a route to what the bridge needs of its subscriptions.
func FuzzTopic(f *testing.F) {
	f.Add("factory/+/scanner/{device}", "factory/{line}/#", "factory/l/scanner/d", "mes/#")
	f.Add("machshop/plant1/{line}/x/scan", "+/+/+/+/scan", "machshop/plant1/l/x/scan", "#")
	f.Add("$SYS/{device}", "#", "$SYS/x", "+/x")
	f.Add("a//b", "a/+/b", "a//b", "/")
	f.Add("{type}/{x}", "+/#", "operation_complete/\xff", "")
	f.Add("machshop/+/serial/{x}", "a/{a}/{a}", "machshop/p/l/d/event/operation_complete", "$share/g/a")
	f.Fuzz(func(t *testing.T, a, b, topic, extra string) {
		filters := make([]filter, 0, 3)
		for _, s := range []string{a, b, extra} {
			r := &route{}
			if _, err := r.parseTopic(s); err == nil {
				filters = append(filters, r.filter)
			}
		}
		for _, g := range filters {
			for _, h := range filters {
				wantOverlap(t, g, h, topic)
			}
		}
		var routes []Route
		for _, s := range []string{a, b, extra} {
			route := Route{Topic: s, Site: "s", Line: "l", Device: "d", Decoder: DecoderJSON, Event: "serial_generate"}
			for name, field := range map[string]*string{"{site}": &route.Site, "{line}": &route.Line, "{device}": &route.Device, "{type}": &route.Event} {
				if strings.Contains(s, name) {
					*field = ""
				}
			}
			if _, err := NewRouter(append(routes, route), Limits{}); err == nil {
				routes = append(routes, route)
			}
		}
		r := testRouter(t, routes...)
		wantDecoded(t, r, topic, []byte(`{"id":"e1"}`))
		matched := 0
		for _, s := range r.Filters() {
			if naiveMatch(s, topic) {
				matched++
			}
		}
		found := r.routes.find(strings.Split(topic, "/"), true)
		if want := min(matched, 1); topic != "" && (matched > 1 || (found != nil) != (want == 1)) {
			t.Errorf("%q is matched by %d of %q, found %+v", topic, matched, r.Filters(), found)
		}
	})
}
