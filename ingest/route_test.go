package ingest

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/machshop/seriald"
)

// at returns a route of a topic at the test's place, with options.
func at(topic string, decoder Decoder, options ...func(*Route)) Route {
	r := Route{Topic: topic, Decoder: decoder}
	for name, field := range map[string]*string{"site": &r.Site, "line": &r.Line, "device": &r.Device} {
		if !strings.Contains(topic, "{"+name+"}") {
			*field = map[string]string{"site": "plant1", "line": "line1", "device": "reader1"}[name]
		}
	}
	if decoder == DecoderJSON && !strings.Contains(topic, "{type}") {
		r.Event = "serial_generate"
	}
	for _, o := range options {
		o(&r)
	}
	return r
}

func TestRouterFilters(t *testing.T) {
	t.Parallel()
	got := testRouter(t,
		at("factory/+/scanner/{device}", DecoderScan),
		at("machshop/plant1/line1/scanner7/scan", DecoderScan), // covered
		at("machshop/{site}/{line}/{device}/status", DecoderStatus),
		at("mes/#", DecoderJSON),
	).Filters()
	want := []string{seriald.TopicEvents, seriald.TopicScans, seriald.TopicStatuses, "factory/+/scanner/+", "mes/#"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, s := range got {
		for _, out := range []string{
			seriald.ResultTopic(testOrigin), seriald.SerialTopic("plant1", "assigned"), "machshop/plant1/line1/reader1/label",
		} {
			if naiveMatch(s, out) {
				t.Errorf("%s is subscribed by %s", out, s)
			}
		}
	}
}

func TestRoutes(t *testing.T) {
	t.Parallel()
	second := time.Second
	none := time.Duration(0)
	for name, tc := range map[string]struct {
		route          Route
		topic, payload string
		want           seriald.Event // with the test's origin unless it has one; with the id made-1 unless it has one
		data           string
		code           string
		debounce       time.Duration
	}{
		"the built-in scan": {
			route: at("unused", DecoderScan), topic: "machshop/plant1/line1/reader1/scan", payload: " SN-1\r\n",
			want: seriald.Event{Type: seriald.TypeOperationComplete, Key: "SN-1"},
			data: `{"serialNumber":"SN-1","workCenterId":"reader1"}`, code: "SN-1", debounce: DefaultScanDebounce,
		},
		"the built-in status": {
			route: at("unused", DecoderScan), topic: "machshop/plant1/line1/reader1/status", payload: "Online\n",
			want: seriald.Event{Type: seriald.TypeDeviceStatus, Key: "reader1"}, data: `{"status":"online"}`,
		},
		"named segments": {
			route: at("factory/{line}/+/{site}/{device}", DecoderScan, func(r *Route) { r.Debounce = &second }),
			topic: "factory/L2//S2/D2", payload: "SN",
			want: seriald.Event{Origin: seriald.Origin{Site: "S2", Line: "L2", Device: "D2"}, Type: seriald.TypeOperationComplete, Key: "SN"},
			data: `{"serialNumber":"SN","workCenterId":"D2"}`, code: "SN", debounce: time.Second,
		},
		"the narrower of two": {
			route: at("machshop/plant1/line1/reader1/scan", DecoderScan, func(r *Route) {
				r.Event, r.Field, r.Defaults, r.Debounce = "vendor_serial_receive", "vendorSerialNumber", map[string]any{"vendorName": "ACME", "partId": "P"}, &none
			}),
			topic: "machshop/plant1/line1/reader1/scan", payload: "V1",
			want: seriald.Event{Type: seriald.TypeVendorSerialReceive, Key: "P"},
			data: `{"vendorSerialNumber":"V1","partId":"P","vendorName":"ACME"}`, code: "V1",
		},
		"beside the narrower": {
			route: at("machshop/plant1/line2/reader1/scan", DecoderStatus), topic: "machshop/plant1/line1/reader1/scan", payload: "SN",
			want: seriald.Event{Type: seriald.TypeOperationComplete, Key: "SN"},
			data: `{"serialNumber":"SN","workCenterId":"reader1"}`, code: "SN", debounce: DefaultScanDebounce,
		},
		"the parent of #": {
			route: at("mes/#", DecoderJSON), topic: "mes", payload: `{"id":"e1","partId":"P"}`,
			want: seriald.Event{ID: "e1", Type: seriald.TypeSerialGenerate, Key: "P"}, data: `{"id":"e1","partId":"P"}`,
		},
		"a type in the topic": {
			route: at("mes/{type}", DecoderJSON), topic: "mes/vendor_serial_receive", payload: `{"vendorSerialNumber":"V"}`,
			want: seriald.Event{Type: seriald.TypeVendorSerialReceive, Key: "V"}, data: `{"vendorSerialNumber":"V"}`,
		},
		"defaults": {
			route: at("mes/{station}/{device}", DecoderJSON, func(r *Route) {
				r.Defaults = map[string]any{"partId": "{station}-{device}@{site}/{line}", "quantity": 3, "rework": true, "weight": 1.5, "lotNumber": "L"}
			}),
			topic: "mes/Ö \"4\"/D2", payload: " {\"LOTNUMBER\":null , \"note\":\"x\"}\n ",
			want: seriald.Event{
				Origin: seriald.Origin{Site: "plant1", Line: "line1", Device: "D2"}, Type: seriald.TypeSerialGenerate, Key: `Ö "4"-D2@plant1/line1`,
			},
			data: " {\"LOTNUMBER\":null , \"note\":\"x\",\"partId\":\"Ö \\\"4\\\"-D2@plant1/line1\",\"quantity\":3,\"rework\":true,\"weight\":1.5}",
		},
		"defaults in an empty object": {
			route: at("mes", DecoderJSON, func(r *Route) { r.Defaults = map[string]any{"partId": "P"} }), topic: "mes", payload: `{ }`,
			want: seriald.Event{Type: seriald.TypeSerialGenerate, Key: "P"}, data: `{ "partId":"P"}`,
		},
		"fields renamed": {
			route: at("mes", DecoderJSON, func(r *Route) {
				r.Map = map[string]string{"material": "partId", "no": "id", "partId": "oldPart"}
			}),
			topic: "mes", payload: `{"material" :"P", "partId":{"material":1},  "no":"7"}`,
			want: seriald.Event{ID: "7", Type: seriald.TypeSerialGenerate, Key: "P"},
			data: `{"partId" :"P", "oldPart":{"material":1},  "id":"7"}`,
		},
		"a CloudEvent's data renamed, with defaults": {
			route: at("mes", DecoderJSON, func(r *Route) {
				r.Map, r.Defaults = map[string]string{"material": "partId", "no": "id"}, map[string]any{"quantity": 1}
			}),
			topic: "mes", payload: `{"specversion":"1.0","id":"e1","material":"outside","data":{"material":"P","no":"7"}}`,
			want: seriald.Event{ID: "e1", Type: seriald.TypeSerialGenerate, Key: "P"}, data: `{"partId":"P","id":"7","quantity":1}`,
		},
		"a code that is split": {
			route: at("split", DecoderScan, func(r *Route) {
				r.Pattern, r.Defaults = `(?P<partId>[^|]+)\|(?P<serialNumber>[^|]+)\|?(?P<lotNumber>.*)`, map[string]any{"lotNumber": "none", "workCenterId": "W"}
			}),
			topic: "split", payload: "PART-1|S\"N\n",
			want: seriald.Event{Type: seriald.TypeOperationComplete, Key: "PART-1"},
			data: `{"partId":"PART-1","serialNumber":"S\"N","lotNumber":"none","workCenterId":"W"}`, code: `PART-1|S"N`, debounce: DefaultScanDebounce,
		},
		"a URI that a pattern knows": {
			route: at("split", DecoderScan, func(r *Route) { r.Pattern = `https://acme\.example/(?P<serialNumber>\d+)` }),
			topic: "split", payload: "https://acme.example/17", want: seriald.Event{Type: seriald.TypeOperationComplete, Key: "17"},
			data: `{"serialNumber":"17","workCenterId":"reader1"}`, code: "https://acme.example/17", debounce: DefaultScanDebounce,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, err := testRouter(t, tc.route).Decode(tc.topic, []byte(tc.payload), testNow, made)
			if err != nil {
				t.Fatal(err)
			}
			if got := string(m.Event.Data); got != tc.data {
				t.Errorf("data:\ngot  %s\nwant %s", got, tc.data)
			}
			m.Event.Data = nil
			if tc.want.ID == "" {
				tc.want.ID = "made-1"
			}
			if tc.want.Origin.Site == "" {
				tc.want.Origin = testOrigin
			}
			if diff := cmp.Diff(Message{Event: &tc.want, Code: tc.code, Debounce: tc.debounce}, m); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestRoutesRefuse(t *testing.T) {
	t.Parallel()
	split := at("split", DecoderScan, func(r *Route) { r.Pattern = `(?P<partId>\d+)(?:-(?P<serialNumber>.*))?|x` })
	for name, tc := range map[string]struct {
		route          Route
		topic, payload string
		code           seriald.Code
		field, text    string
		told           bool // the device can be
	}{
		"no route":                 {at("a/{device}", DecoderScan), "a/b/c", "x", seriald.CodeBadTopic, "", "configured route", false},
		"a topic that is too long": {at("a/#", DecoderScan), "a/" + strings.Repeat("x", 1023), "x", seriald.CodeBadTopic, "", "1025 bytes; at most 1024", false},
		"an empty topic":           {at("a/{device}", DecoderScan), "", "x", seriald.CodeBadTopic, "", "topic must be", false},
		"a device that is none":    {at("a/{device}", DecoderScan), "a/b c", "x", seriald.CodeBadTopic, "device", `"b c" in the topic`, false},
		"an empty site":            {at("a/{site}", DecoderScan), "a/", "x", seriald.CodeBadTopic, "site", `"" in the topic`, false},
		"an empty station":         {at("a/{station}", DecoderScan), "a/", "x", seriald.CodeBadTopic, "station", `"" in the topic`, false},
		"a station with a line":    {at("a/{station}", DecoderScan), "a/b\nc", "x", seriald.CodeBadTopic, "station", `"b\nc" in the topic`, false},
		"a station not in UTF-8":   {at("a/{station}", DecoderScan), "a/\xff", "x", seriald.CodeBadTopic, "station", `"\xff" in the topic`, false},
		"an unknown type":          {at("a/{type}", DecoderScan), "a/b", "x", seriald.CodeUnknownType, "", `"b" is not known`, true},
		"a status for a type":      {at("a/{type}", DecoderScan), "a/device_status", "x", seriald.CodeUnknownType, "", `"device_status" is not known`, true},
		"a scan that is too long":  {at("a", DecoderScan), "a", strings.Repeat("x", testMaxPayload+1), seriald.CodePayloadTooLarge, "", "more than the 65536 bytes", true},
		"two names for a field": {
			at("a", DecoderJSON, func(r *Route) { r.Map = map[string]string{"part": "partId"} }), "a", `{"id":"e1","PartId":"Q","part":"P"}`,
			seriald.CodeValidation, "partId", `given twice: as "PartId" and as "part"`, true,
		},
		"a pattern that matches a part": {split, "split", "a12", seriald.CodeBadScan, "", `"a12" does not match the pattern`, true},
		"a pattern that finds nothing":  {split, "split", "x", seriald.CodeBadScan, "", `no field was found in "x"`, true},
		"a field that is too long":      {split, "split", "1-" + strings.Repeat("x", 201), seriald.CodeBadScan, "serialNumber", "has 201 bytes; at most 200", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, err := testRouter(t, tc.route).Decode(tc.topic, []byte(tc.payload), testNow, made)
			got, ok := errors.AsType[*seriald.Rejection](err)
			if !ok {
				t.Fatalf("got %+v, %v, want a refusal", m.Event, err)
			}
			if got.Code != tc.code || got.Field != tc.field || !strings.Contains(got.Message, tc.text) {
				t.Errorf("got %v, want code %s, field %q and %q in the message", got, tc.code, tc.field, tc.text)
			}
			if told := m.Event.Origin.Device != ""; told != tc.told {
				t.Errorf("the device can be told: got %t, want %t", told, tc.told)
			}
		})
	}
}

func TestSitesThatAreHeard(t *testing.T) {
	t.Parallel()
	r, err := NewRouter(nil, Limits{MaxPayload: testMaxPayload, Sites: []string{"plant2", "plant3"}})
	if err != nil {
		t.Fatal(err)
	}
	for topic, payload := range map[string]string{
		"machshop/plant1/line1/reader1/event/operation_complete": `{"id":"made-1"}`,
		"machshop/plant1/line1/reader1/scan":                     "x",
		"machshop/plant1/line1/reader1/status":                   "online",
	} {
		m, err := r.Decode(topic, []byte(payload), testNow, made)
		if got, ok := errors.AsType[*seriald.Rejection](err); !ok || got.Code != seriald.CodeSiteNotFound || !strings.Contains(got.Message, `"plant1"`) {
			t.Errorf("%s: got %v, want %s of plant1", topic, err, seriald.CodeSiteNotFound)
		}
		if m.Event.ID != "made-1" || m.Event.Origin != testOrigin {
			t.Errorf("%s: the device to be told: got %+v", topic, m.Event)
		}
		if _, err := r.Decode(strings.Replace(topic, "plant1", "plant3", 1), []byte(payload), testNow, made); err != nil {
			t.Error(err)
		}
	}
}

func TestRouteOfASiteThatIsNotHeard(t *testing.T) {
	t.Parallel()
	_, err := NewRouter([]Route{at("a", DecoderScan)}, Limits{Sites: []string{"plant2"}})
	if want := `ROUTES: route 1 (a): site: "plant1" is not one of MQTT_SITES`; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q in it", err, want)
	}
}

func TestRoutesThatAreWrong(t *testing.T) {
	t.Parallel()
	long := 2 * time.Minute
	with := func(topic string, decoder Decoder, change func(*Route)) []Route {
		return []Route{at(topic, decoder, change)}
	}
	for name, tc := range map[string]struct {
		routes []Route
		want   []string // each in the error
	}{
		"no topic":            {[]Route{at("", DecoderScan)}, []string{"ROUTES: route 1 (): topic: is missing"}},
		"a topic too long":    {[]Route{at(strings.Repeat("x", 1025), DecoderScan)}, []string{"topic: must not be longer than 1024"}},
		"a topic not UTF-8":   {[]Route{at("a\xff", DecoderScan)}, []string{"topic: must be UTF-8"}},
		"a NUL":               {[]Route{at("a\x00", DecoderScan)}, []string{"topic: must be UTF-8 without NUL"}},
		"a shared filter":     {[]Route{at("$share/g/a", DecoderScan)}, []string{"topic: leave out $share"}},
		"# before the end":    {[]Route{at("a/#/b", DecoderScan)}, []string{`segment "#"`}},
		"# in a name":         {[]Route{at("a/b#", DecoderScan)}, []string{`segment "b#"`}},
		"+ in a name":         {[]Route{at("a/b+", DecoderScan)}, []string{`segment "b+"`}},
		"half a segment":      {[]Route{at("a/b-{device}", DecoderScan)}, []string{`segment "b-{device}"`}},
		"a segment no name":   {[]Route{at("a/{4}", DecoderScan)}, []string{`segment "{4}"`}},
		"a name twice":        {[]Route{at("a/{x}/{x}", DecoderScan)}, []string{"{x} is in it twice"}},
		"a place missing":     {[]Route{{Topic: "a", Decoder: DecoderScan}}, []string{"site:", "line:", "device:", "or be named {device} in the topic"}},
		"a place twice":       {with("a/{site}", DecoderScan, func(r *Route) { r.Site = "x" }), []string{"site: is set, and {site} is in the topic"}},
		"a place no token":    {with("a", DecoderScan, func(r *Route) { r.Line = "a/b" }), []string{`line: "a/b"`}},
		"no decoder":          {[]Route{at("a", "")}, []string{`decoder: must be json, scan or status, not ""`}},
		"another decoder":     {[]Route{at("a", "gs2")}, []string{`not "gs2"`}},
		"no type":             {with("a", DecoderJSON, func(r *Route) { r.Event = "" }), []string{"event: is missing"}},
		"a type twice":        {with("a/{type}", DecoderJSON, func(r *Route) { r.Event = "serial_generate" }), []string{"event: is set, and {type}"}},
		"an unknown type":     {with("a", DecoderJSON, func(r *Route) { r.Event = "x" }), []string{`event: event type "x" is not known`}},
		"a status for a type": {with("a", DecoderJSON, func(r *Route) { r.Event = "device_status" }), []string{"event:"}},
		"a status of a type":  {[]Route{at("a/{type}", DecoderStatus)}, []string{"{type} is not for the decoder status"}},
		"options of scans": {
			with("a", DecoderJSON, func(r *Route) { r.Field, r.Pattern, r.Debounce = "x", "x", &long }),
			[]string{"field: is not for the decoder json", "pattern: is not", "debounce: is not"},
		},
		"options of JSON": {with("a", DecoderScan, func(r *Route) { r.Map = map[string]string{"a": "b"} }), []string{"map: is not for the decoder scan"}},
		"options of statuses": {
			with("a", DecoderStatus, func(r *Route) { r.Event, r.Defaults = "serial_generate", map[string]any{"a": "b"} }),
			[]string{"event: is not for the decoder status", "defaults: is not"},
		},
		"a debounce":          {with("a", DecoderScan, func(r *Route) { r.Debounce = &long }), []string{"debounce: must be from 0 to 1m0s, not 2m0s"}},
		"a field":             {with("a", DecoderScan, func(r *Route) { r.Field = "a b" }), []string{`field: "a b" is no name`}},
		"the id for a field":  {with("a", DecoderScan, func(r *Route) { r.Field = "ID" }), []string{"field: ID is not a field of the event"}},
		"a pattern":           {with("a", DecoderScan, func(r *Route) { r.Pattern = "(" }), []string{"pattern: error parsing regexp"}},
		"no group":            {with("a", DecoderScan, func(r *Route) { r.Pattern = "(.*)" }), []string{"pattern: has no named group"}},
		"a group twice":       {with("a", DecoderScan, func(r *Route) { r.Pattern = "(?P<a>x)(?P<A>x)" }), []string{"pattern: the group A is there twice"}},
		"a group for the id":  {with("a", DecoderScan, func(r *Route) { r.Pattern = "(?P<id>x)" }), []string{"pattern: id is not a field"}},
		"pattern and field":   {with("a", DecoderScan, func(r *Route) { r.Pattern, r.Field = "(?P<a>x)", "b" }), []string{"field: is set, and the pattern"}},
		"a default id":        {with("a", DecoderJSON, func(r *Route) { r.Defaults = map[string]any{"id": "x"} }), []string{"defaults: id is not a field"}},
		"a default list":      {with("a", DecoderJSON, func(r *Route) { r.Defaults = map[string]any{"x": []any{1}} }), []string{"defaults: x: [1] must be a text"}},
		"a default twice":     {with("a", DecoderJSON, func(r *Route) { r.Defaults = map[string]any{"x": 1, "X": 2} }), []string{"defaults: x is there twice"}},
		"a default of no one": {with("a", DecoderJSON, func(r *Route) { r.Defaults = map[string]any{"x": "{station}"} }), []string{"defaults: x: {station} is not in the topic"}},
		"a default not ended": {with("a", DecoderJSON, func(r *Route) { r.Defaults = map[string]any{"x": "{site"} }), []string{`a } is missing`}},
		"a map to no name":    {with("a", DecoderJSON, func(r *Route) { r.Map = map[string]string{"x": "a b"} }), []string{`map: "x": "a b"`}},
		"a map to a CloudEvent": {
			with("a", DecoderJSON, func(r *Route) { r.Map = map[string]string{"x": "specversion"} }), []string{`map: "x": specversion`},
		},
		"a map to one field": {with("a", DecoderJSON, func(r *Route) { r.Map = map[string]string{"x": "a", "y": "A"} }), []string{`map: "x" and "y" become the same field`}},

		"two that overlap": {
			[]Route{at("a/+/{device}", DecoderScan), at("b", DecoderScan), at("a/b/#", DecoderStatus)},
			[]string{"ROUTES: route 1 (a/+/{device}) and route 3 (a/b/#) both match a/b/x"},
		},
		"the same twice":       {[]Route{at("a", DecoderScan), at("a", DecoderScan)}, []string{"route 1 (a) and route 2 (a) both match a"}},
		"all of a built-in":    {[]Route{at("machshop/#", DecoderScan)}, []string{"route 1 (machshop/#) and the built-in machshop/{site}/{line}/{device}/event/{type} both match machshop/x/x/x/event/x"}},
		"a part of a built-in": {[]Route{at("+/+/+/+/scan", DecoderScan)}, []string{"route 1 (+/+/+/+/scan) and the built-in machshop/{site}/{line}/{device}/scan"}},
		"results":              {[]Route{at("machshop/plant1/+/+/result", DecoderScan)}, []string{"route 1 (machshop/plant1/+/+/result) matches machshop/plant1/x/x/result, where this service publishes"}},
		"serial events":        {[]Route{at("machshop/+/serial/assigned", DecoderScan)}, []string{"where this service publishes (machshop/+/serial/+)"}},
		"labels":               {[]Route{at("+/+/+/+/label", DecoderScan)}, []string{"where this service publishes (machshop/+/+/+/label)"}},
		"all problems at once": {
			[]Route{at("a/#/b", DecoderScan), at("b", ""), {Topic: "machshop/#", Decoder: DecoderScan}},
			[]string{"route 1 (a/#/b): topic", "route 2 (b): decoder", "route 3 (machshop/#): site", "route 3 (machshop/#): device", "route 3 (machshop/#) and the built-in"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := NewRouter(tc.routes, Limits{})
			if err == nil {
				t.Fatal("got no error")
			}
			for _, want := range tc.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got %v\nwant %q in it", err, want)
				}
			}
			for line := range strings.Lines(err.Error()) {
				if !strings.HasPrefix(line, "ROUTES: ") {
					t.Errorf("a line of the error does not name the setting: %s", line)
				}
			}
		})
	}
}

// The decoders of the contract's topics are told by their last segments only.
func TestTopicsOfTheContract(t *testing.T) {
	t.Parallel()
	r := testRouter(t)
	for topic, want := range map[string]seriald.EventType{
		seriald.EventTopic(testOrigin, seriald.TypeSerialGenerate): "",
		seriald.ScanTopic(testOrigin):                              seriald.TypeOperationComplete,
		seriald.StatusTopic(testOrigin):                            seriald.TypeDeviceStatus,
	} {
		m, err := r.Decode(topic, []byte("online"), testNow, made)
		if want == "" {
			if rejection, ok := errors.AsType[*seriald.Rejection](err); !ok || rejection.Code != seriald.CodeValidation {
				t.Errorf("%s: got %v, want it read as JSON", topic, err)
			}
			continue
		}
		if err != nil || m.Event.Type != want {
			t.Errorf("%s: got %q, %v, want %q", topic, m.Event.Type, err, want)
		}
		if !slices.ContainsFunc(r.Filters(), func(f string) bool { return naiveMatch(f, topic) }) {
			t.Errorf("%s is not subscribed", topic)
		}
	}
}
