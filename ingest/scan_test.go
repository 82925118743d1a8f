package ingest

import (
	"errors"
	"strings"
	"testing"

	"github.com/machshop/seriald"
)

func TestScan(t *testing.T) {
	t.Parallel()
	r := testRouter(t)
	for name, tc := range map[string]struct{ payload, want string }{
		"as it is":             {"SN-1", "SN-1"},
		"a line's end":         {"SN-1\r\n", "SN-1"},
		"tabs and spaces":      {"\t SN-1 \t", "SN-1"},
		"a no-break space":     {"\u00a0SN-1\u00a0", "SN-1"},
		"a space within":       {"SN 1", "SN 1"},
		"200 bytes":            {strings.Repeat("é", 100), strings.Repeat("é", 100)},
		"other letters":        {"Ж漢字é", "Ж漢字é"},
		"a bracket":            {"]-1", "]-1"},
		"a bracket, no letter": {"]5A", "]5A"},
		"a brace":              {"{A}", "{A}"},
		"what JSON escapes":    {`<"\&`, `<"\&`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, err := r.Decode("machshop/plant1/line1/reader1/scan", []byte(tc.payload), testNow, made)
			if err != nil {
				t.Fatal(err)
			}
			f, err := m.Event.Fields()
			if err != nil {
				t.Fatal(err)
			}
			if f.SerialNumber != tc.want || m.Code != tc.want || m.Event.Key != tc.want {
				t.Errorf("got %q with code %q and key %q, want %q", f.SerialNumber, m.Code, m.Event.Key, tc.want)
			}
		})
	}
}

// The fields that a scan gives to its event, and the form in which equal scans
// are equal.
func TestScanOfStandards(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		route               Route
		payload, data, code string
	}{
		"GS1, all there is": {
			Route{},
			"]d2010950600013435221A1\x1d10L1\x1d17250900112508313012\r\n",
			`{"gtin":"09506000134352","serialNumber":"A1","lotNumber":"L1","productionDate":"2025-08-31","expiryDate":"2025-09-30","quantity":12,` +
				`"scan":"]d2010950600013435221A1\u001d10L1\u001d17250900112508313012","workCenterId":"reader1"}`,
			"^010950600013435221A1^10L1^17250900112508313012",
		},
		"EAN-13": {Route{}, "]E09506000134352", `{"gtin":"09506000134352","scan":"]E09506000134352","workCenterId":"reader1"}`, "^0109506000134352"},
		"Digital Link": {
			Route{},
			"HTTPS://id.gs1.org/01/09506000134352/21/1",
			`{"gtin":"09506000134352","serialNumber":"1","scan":"HTTPS://id.gs1.org/01/09506000134352/21/1","workCenterId":"reader1"}`, "^010950600013435221" + "1",
		},
		"ISO/IEC 15434": {
			Route{},
			"[)>\x1e06\x1dPPART-001\x1d1PX-1\x1dSS9\x1d1TL9\x1dQ100\x1e\x04",
			`{"partId":"PART-001","serialNumber":"S9","lotNumber":"L9","quantity":100,` +
				`"scan":"[)\u003e\u001e06\u001dPPART-001\u001d1PX-1\u001dSS9\u001d1TL9\u001dQ100\u001e\u0004","workCenterId":"reader1"}`,
			"[)>\x1e06\x1dPPART-001\x1d1PX-1\x1dSS9\x1d1TL9\x1dQ100\x1e\x04",
		},
		"a symbology of text": {Route{}, "]C0SN-1", `{"serialNumber":"SN-1","workCenterId":"reader1"}`, "SN-1"},
		"a profile": {
			Route{Profile: "gs1,separator=|"},
			"010950600013435210L1|21A1",
			`{"gtin":"09506000134352","serialNumber":"A1","lotNumber":"L1","scan":"010950600013435210L1|21A1","workCenterId":"reader1"}`,
			"^010950600013435210L1^21A1",
		},
		"plain": {Route{Profile: "plain"}, "0109506000134352", `{"serialNumber":"0109506000134352","workCenterId":"reader1"}`, "0109506000134352"},
		"a pattern, whatever it looks like": {
			Route{Pattern: "(?P<partId>.{16})(?P<serialNumber>.+)"},
			"]d1010950600013435221A1",
			`{"partId":"0109506000134352","serialNumber":"21A1","workCenterId":"reader1"}`, "010950600013435221A1",
		},
		"a serial where texts are parts": {
			Route{Field: "partId", Profile: "leading"},
			"]C1\x1d010950600013435221A1",
			`{"gtin":"09506000134352","serialNumber":"A1","scan":"]C1\u001d010950600013435221A1","workCenterId":"reader1"}`,
			"^010950600013435221A1",
		},
		"a vendor's serial": {
			Route{Event: "vendor_serial_receive", Field: "vendorSerialNumber", Defaults: map[string]any{"vendorName": "ACME", "lotNumber": "none"}},
			"]d2010950600013435221A1\x1d10L1",
			`{"gtin":"09506000134352","vendorSerialNumber":"A1","lotNumber":"L1","scan":"]d2010950600013435221A1\u001d10L1","vendorName":"ACME"}`,
			"^010950600013435221A1^10L1",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const topic = "machshop/plant1/line1/reader1/scan"
			route := tc.route
			route.Topic, route.Decoder = topic, DecoderScan
			route.Site, route.Line, route.Device = "plant1", "line1", "reader1"
			m, err := testRouter(t, route).Decode(topic, []byte(tc.payload), testNow, made)
			if err != nil {
				t.Fatal(err)
			}
			if string(m.Event.Data) != tc.data || m.Code != tc.code {
				t.Errorf("code %q with\n%s\nwant %q with\n%s", m.Code, m.Event.Data, tc.code, tc.data)
			}
			if _, err := m.Event.Fields(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestScanRefuses(t *testing.T) {
	t.Parallel()
	r := testRouter(t)
	for name, tc := range map[string]struct{ payload, want string }{
		"nothing":                 {"", "nothing was read"},
		"white space":             {" \r\n", "nothing was read"},
		"201 bytes":               {strings.Repeat("x", 201), "has 201 bytes; at most 200 are taken"},
		"a NUL":                   {" a\x00b", "byte 3 is U+0000"},
		"a tab within":            {"a\tb", "byte 2 is U+0009"},
		"two lines":               {"a\r\nb", "byte 2 is U+000D"},
		"a delete":                {"ab\x7f", "byte 3 is U+007F"},
		"a unit separator":        {"é\x1fb", "byte 3 is U+001F"},
		"a C1 control":            {"a\u0090b", "byte 2 is U+0090"},
		"a byte order mark":       {"\ufeffA", "byte 1 is U+FEFF"},
		"a zero-width space":      {"A\u200bB", "byte 2 is U+200B"},
		"a line separator within": {"A\u2028B", "byte 2 is U+2028"},
		"Latin-1":                 {"  caf\xe9", "byte 6 (0xE9) is not valid UTF-8"},
		"half a character":        {"a\xc3", "byte 2 (0xC3) is not valid UTF-8"},
		"what was broken before":  {"a\ufffd", "byte 2 (0xEF) is not valid UTF-8"},
		"a check digit":           {"]d20109506000134353", "(01) at byte 19: check digit"},
		"FNC1 in front":           {"\x1d0109506000134352", "use profile leading"},
		"FNC1 in a plain symbol":  {"]d10109506000134352\x1d21A", "use profile gs1"},
		"without its part":        {"]C121A", "(21): must be together with (01), or (03), or (8006): if another symbol of the item says the rest, use profile partial"},
		"two readings":            {"010950600013435221A", "can be read in 2 ways (gs1 \"^010950600013435221A\", plain \"010950600013435221A\"): have the reader send symbology identifiers"},
		"no item":                 {"(00)095060001343520000", "says neither which item it is nor which serial, lot or quantity"},
		"a list of serials":       {"[)>\x1e06\x1dP4711\x1dS1\x1dS2\x1e\x04", "(S) is there more than once"},
		"a quantity with a comma": {"[)>\x1e06\x1dP4711\x1dQ1.5\x1e\x04", `"1.5" is not a whole number`},
		"JSON":                    {` {"serialNumber":"SN-1"} `, "publish it to …/event/{type}"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, err := r.Decode("machshop/plant1/line1/reader1/scan", []byte(tc.payload), testNow, made)
			got, ok := errors.AsType[*seriald.Rejection](err)
			if !ok || got.Code != seriald.CodeBadScan || !strings.Contains(got.Message, tc.want) {
				t.Fatalf("got %+v, %v, want %s with %q", m.Event, err, seriald.CodeBadScan, tc.want)
			}
			if m.Event.Origin != testOrigin || m.Event.ID != "made-1" || m.Code != "" {
				t.Errorf("to be told: got %+v of %q with code %q", m.Event.Origin, m.Event.ID, m.Code)
			}
		})
	}
}

func TestStatus(t *testing.T) {
	t.Parallel()
	r := testRouter(t)
	for payload, want := range map[string]string{
		"online":                          "online",
		" OFFLINE\r\n":                    "offline",
		`{"status":"Online","battery":7}`: "online",
		` {"status":" offline "} `:        "offline",
		"":                                "",
		"on":                              "",
		"null":                            "",
		`{}`:                              "",
		`{"status":true}`:                 "",
		`{"status":"online"`:              "",
		`["online"]`:                      "",
		"online\xff":                      "",
	} {
		m, err := r.Decode("machshop/plant1/line1/reader1/status", []byte(payload), testNow, made)
		if want == "" {
			if got, ok := errors.AsType[*seriald.Rejection](err); !ok || got.Code != seriald.CodeValidation || got.Field != "status" {
				t.Errorf("%q: got %s, %v, want a refusal of the status", payload, m.Event.Data, err)
			}
			continue
		}
		if got := string(m.Event.Data); err != nil || got != `{"status":"`+want+`"}` || m.Event.Key != "reader1" || m.Event.Type != seriald.TypeDeviceStatus {
			t.Errorf("%q: got %+v with %s, %v, want %s", payload, m.Event, got, err, want)
		}
	}
}
