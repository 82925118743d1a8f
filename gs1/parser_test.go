package gs1

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func mustProfile(t *testing.T, text string) Parser {
	t.Helper()
	p, err := ParseProfile(text)
	if err != nil {
		t.Fatal(err)
	}
	return Parser{Profile: p}
}

func TestParse(t *testing.T) {
	t.Parallel()
	const gtin = "^0109506000134352"
	for name, c := range map[string]struct {
		profile, scan string
		kind          Kind
		canonical     string
		warnings      int
	}{
		"GS1 DataMatrix":           {"", "]d2010950600013435221ABC\x1d10LOT1", KindGS1, gtin + "21ABC^10LOT1", 0},
		"GS1-128":                  {"", "]C10109506000134352", KindGS1, gtin, 0},
		"GS1 DataBar":              {"", "]e00109506000134352", KindGS1, gtin, 0},
		"GS1 QR Code":              {"", "]Q30109506000134352", KindGS1, gtin, 0},
		"GS1 DotCode":              {"", "]J10109506000134352", KindGS1, gtin, 0},
		"EAN-13":                   {"", "]E09506000134352", KindGS1, gtin, 0},
		"UPC-A":                    {"", "]E00614141000036", KindGS1, "^0100614141000036", 0},
		"UPC-A without zero":       {"", "]E0614141000036", KindGS1, "^0100614141000036", 1},
		"EAN-13 with add-on":       {"", "]E3950600013435212", KindGS1, gtin, 1},
		"EAN-8":                    {"", "]E495050003", KindGS1, "^0100000095050003", 0},
		"ITF-14":                   {"", "]I109506000134352", KindGS1, gtin, 0},
		"ITF of others":            {"", "]I1123456", KindPlain, "123456", 0},
		"Code 128":                 {"", "]C0SN-0001", KindPlain, "SN-0001", 0},
		"Code 39":                  {"", "]A0SN-0001", KindPlain, "SN-0001", 0},
		"DataMatrix, plain":        {"", "]d1010950600013435221ABC", KindPlain, "010950600013435221ABC", 0},
		"Digital Link in QR":       {"", "]Q1https://example.org/01/09506000134352/21/ABC", KindDigitalLink, gtin + "21ABC", 0},
		"Digital Link, no id":      {"", "https://example.org/01/09506000134352/21/ABC", KindDigitalLink, gtin + "21ABC", 0},
		"a URL":                    {"", "https://example.org/manual", KindPlain, "https://example.org/manual", 0},
		"ISO 15434":                {"", "[)>\x1e06\x1dP4711\x1dS1\x1e\x04", KindISO15434, "[)>\x1e06\x1dP4711\x1dS1\x1e\x04", 0},
		"ISO 15434 with id":        {"", "]d1[)>\x1e06\x1dP4711\x1dS1\x1e\x04", KindISO15434, "[)>\x1e06\x1dP4711\x1dS1\x1e\x04", 0},
		"no id, but GS":            {"", "10LOT1\x1d010950600013435221ABC", KindGS1, "^10LOT1^010950600013435221ABC", 0},
		"brackets":                 {"", "(01)09506000134352(21)ABC", KindGS1, gtin + "21ABC", 0},
		"brackets that are none":   {"", "(A)12", KindPlain, "(A)12", 0},
		"carets":                   {"", "^010950600013435221ABC^10LOT1", KindGS1, gtin + "21ABC^10LOT1", 0},
		"a caret":                  {"", "^A1", KindPlain, "^A1", 0},
		"plain":                    {"", "SN-0001", KindPlain, "SN-0001", 0},
		"plain digits":             {"", "4711", KindPlain, "4711", 0},
		"plain, begins like a lot": {"", "10123", KindPlain, "10123", 0},
		"plain, wrong check digit": {"", "0109506000134353", KindPlain, "0109506000134353", 0},
		"line end":                 {"", "]d20109506000134352\r\n", KindGS1, gtin, 0},
		"tab":                      {"", "SN-0001\t", KindPlain, "SN-0001", 0},
		"as plain":                 {"plain", "]d20109506000134352", KindPlain, "0109506000134352", 0},
		"as plain, a link":         {"plain", "https://example.org/01/09506000134352", KindPlain, "https://example.org/01/09506000134352", 0},
		"gs1":                      {"gs1", "010950600013435221ABC\x1d10LOT1", KindGS1, gtin + "21ABC^10LOT1", 0},
		"gs1, no GS":               {"gs1", "010950600013435221ABC", KindGS1, gtin + "21ABC", 0},
		"gs1, plain DataMatrix":    {"gs1", "]d1010950600013435221ABC\x1d10LOT1", KindGS1, gtin + "21ABC^10LOT1", 0},
		"EAN-13 alone":             {"gtin", "9506000134352", KindGS1, gtin, 0},
		"UPC-A alone":              {"gtin", "614141000036", KindGS1, "^0100614141000036", 0},
		"EAN-8 alone, or GS1":      {"gs1,gtin", "95050003", KindGS1, "^0100000095050003", 0},
		"GTIN or text":             {"gtin", "SN-0001", KindPlain, "SN-0001", 0},
		"GS1 of 13 digits":         {"gs1,gtin,partial", "1012345678902", KindGS1, "^1012345678902", 0},
		"gs1, a link":              {"gs1", "https://example.org/01/09506000134352", KindDigitalLink, gtin, 0},
		"gs1, brackets":            {"gs1", "(01)09506000134352", KindGS1, gtin, 0},
		"gs1, carets":              {"gs1", "^0109506000134352", KindGS1, gtin, 0},
		"bar":                      {"separator=|", "]d2010950600013435221ABC|10LOT1", KindGS1, gtin + "21ABC^10LOT1", 0},
		"hash":                     {"gs1,separator=#", "010950600013435221ABC#10LOT1", KindGS1, gtin + "21ABC^10LOT1", 0},
		"tilde":                    {"gs1,separator=~", "010950600013435221ABC~10LOT1", KindGS1, gtin + "21ABC^10LOT1", 0},
		"^029":                     {"gs1,separator=^029", "010950600013435221ABC^02910LOT1", KindGS1, gtin + "21ABC^10LOT1", 0},
		"Alt+029":                  {"gs1,separator=Alt+029", "010950600013435221ABCAlt+02910LOT1", KindGS1, gtin + "21ABC^10LOT1", 0},
		"leading ]C1":              {"leading", "]d2]C10109506000134352", KindGS1, gtin, 0},
		"leading GS":               {"leading", "]C1\x1d0109506000134352", KindGS1, gtin, 0},
		"leading bar":              {"gs1,leading,separator=|", "|0109506000134352", KindGS1, gtin, 0},
		"printed brackets":         {"brackets", "]C1(01)09506000134352(21)ABC", KindGS1, gtin + "21ABC", 0},
		"lost, one reading":        {"gs1,lost", "010950600013435217250930", KindGS1, gtin + "17250930", 0},
		"partial":                  {"partial", "]C121ABC", KindGS1, "^21ABC", 0},
		"data identifier":          {"di", "1P4711", KindISO15434, "[)>\x1e06\x1d1P4711\x1e\x04", 0},
		"data identifier, id":      {"di", "]A0Q100", KindISO15434, "[)>\x1e06\x1dQ100\x1e\x04", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, err := mustProfile(t, c.profile).Parse(c.scan)
			if err != nil {
				t.Fatal(err)
			}
			if m.Kind != c.kind || m.Canonical() != c.canonical || len(m.Ambiguous) > 0 || len(m.Warnings) != c.warnings {
				t.Errorf("%s %q, ambiguous %v, warnings %q; want %s %q", m.Kind, m.Canonical(), m.Ambiguous, m.Warnings, c.kind, c.canonical)
			}
		})
	}
}

func TestParseSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		profile, scan string
		id            string
		position      int
		rule          Rule
	}{
		"nothing":                   {"", "", "", 1, RuleEmpty},
		"a line end":                {"", "\r\n", "", 1, RuleEmpty},
		"nothing behind the id":     {"", "]d2", "", 4, RuleEmpty},
		"a book":                    {"", strings.Repeat("1", longestScan+1), "", 1, RuleLength},
		"FNC1 missing":              {"", "]d221ABCDEFGHIJKLMNOPQRST10L", "21", 26, RuleSeparator},
		"position counts the id":    {"", "]d20109506000134353", "01", 19, "csum"},
		"brackets in a symbol":      {"", "]C1(01)09506000134352", "", 4, RuleUnknownAI},
		"two ids":                   {"", "]d2]C10109506000134352", "", 4, RuleUnknownAI},
		"GS in front":               {"", "]d2\x1d0109506000134352", "", 4, RuleSeparator},
		"GS in front, no id":        {"", "\x1d0109506000134352", "", 1, RuleSeparator},
		"GS in a plain symbol":      {"", "]d1010950600013435221ABC\x1d10LOT1", "", 25, RuleSymbology},
		"a bar for GS":              {"", "]d221ABC|10LOT1", "21", 9, RuleCharacter},
		"GS for a bar":              {"separator=|", "]d221ABC\x1d10LOT1", "21", 9, RuleCharacter},
		"alone":                     {"", "]C121ABC", "21", 0, RuleRequired},
		"EAN-13, too long":          {"", "]E009506000134352", "", 4, RuleSymbology},
		"EAN-13, check digit":       {"", "]E09506000134353", "01", 4, "csum"},
		"EAN-8, too long":           {"", "]E4950500031", "", 4, RuleSymbology},
		"EAN-8, letters":            {"", "]E4ABCDEFGH", "", 4, RuleSymbology},
		"EAN-13 without its add-on": {"", "]E39506000134352", "", 4, RuleSymbology},
		"ITF-14, check digit":       {"", "]I109506000134353", "01", 4, "csum"},
		"brackets":                  {"", "(01)09506000134353", "01", 18, "csum"},
		"carets":                    {"", "^0109506000134353", "01", 17, "csum"},
		"a link's check digit":      {"", "https://example.org/01/09506000134353", "01", 37, "csum"},
		"GTIN alone, check digit":   {"gtin", "9506000134353", "01", 1, "csum"},
		"gs1, plain text":           {"gs1", "SN-0001", "", 1, RuleUnknownAI},
		"gs1, another AI":           {"gs1", "05123", "", 1, RuleUnknownAI},
		"lost, but GS":              {"gs1,lost", "21ABC\x1d0109506000134352", "", 6, RuleSeparator},
		"lost, no reading":          {"gs1,lost", "0109506000134352X", "", 17, RuleUnknownAI},
		"lost, alone":               {"gs1,lost", "21ABC", "21", 0, RuleRequired},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, err := mustProfile(t, c.profile).Parse(c.scan)
			fails(t, err, c.id, c.position, c.rule)
			if m.Elements != nil || m.Kind != KindPlain {
				t.Errorf("with an error: %s %v", m.Kind, m.Elements)
			}
		})
	}
}

// What can be read in more than one way is never decided.
func TestAmbiguous(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		profile, scan string
		want          []string
	}{
		"element string or plain text": {
			"", "010950600013435221ABC",
			[]string{"gs1 ^010950600013435221ABC", "plain 010950600013435221ABC"},
		},
		"SSCC or plain text": {
			"", "00095060001343520000",
			[]string{"gs1 ^00095060001343520000", "plain 00095060001343520000"},
		},
		"lost separator": {
			"lost", "]d2010950600013435221ABC10LOT1",
			[]string{"gs1 ^010950600013435221ABC10LOT1", "gs1 ^010950600013435221ABC^10LOT1"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, err := mustProfile(t, c.profile).Parse(c.scan)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, one := range m.Ambiguous {
				got = append(got, string(one.Kind)+" "+one.Canonical())
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if len(m.Ambiguous) > 0 && (m.Kind != KindPlain || m.Elements != nil) {
				t.Errorf("decided: %s %v", m.Kind, m.Elements)
			}
		})
	}
}

// What was dropped has many readings; the search for them is bounded.
func TestLostIsBounded(t *testing.T) {
	t.Parallel()
	long := "0109506000134352"
	for range 60 {
		long += "9191"
	}
	for _, text := range []string{long, long + "~", "91919191919191919191919191~"} {
		s := search{data: text, partial: true, dead: make([]bool, len(text)+1)}
		s.from(0, nil)
		if s.steps > mostSteps || len(s.found) > mostReadings {
			t.Errorf("%d steps, %d readings", s.steps, len(s.found))
		}
	}
}

func TestProfile(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"strict", "plain", "gs1", "gtin", "gs1,gtin", "di", "separator=|", "gs1,separator=^029,leading,brackets,partial", "lost"} {
		p, err := ParseProfile(text)
		if err != nil {
			t.Error(err)
		}
		if got := p.String(); got != text {
			t.Errorf("%q, want %q", got, text)
		}
	}
	for _, text := range []string{
		"gs2", "separator", "separator=A", "separator=-", "separator=12345678901234567", "plain,gs1", "gs1,di",
		"lost,separator=|", "gs1=yes", ",", "gs1,",
	} {
		_, err := ParseProfile(text)
		var e *Error
		if !errors.As(err, &e) || e.Rule != RuleSyntax {
			t.Errorf("%q: %v", text, err)
		}
	}
	if p, err := ParseProfile(""); err != nil || p != (Profile{}) {
		t.Errorf("%v %v", p, err)
	}
}

func TestCompanyPrefixes(t *testing.T) {
	t.Parallel()
	ps := CompanyPrefixes{"061414", "0614141", "9506000"}
	for key, want := range map[string]string{"061414112345": "0614141", "061414912345": "061414", "950600013435": "9506000", "4": ""} {
		if got := ps.Of(key); got != want {
			t.Errorf("Of(%s) = %q, want %q", key, got, want)
		}
	}
	if err := ps.Check(); err != nil {
		t.Error(err)
	}
	for _, bad := range []CompanyPrefixes{{"123"}, {"1234567890123"}, {"12A4567"}, {""}, {"1234567", "1234567"}} {
		var e *Error
		if err := bad.Check(); !errors.As(err, &e) || e.Rule != RulePrefix {
			t.Errorf("%v: %v", bad, err)
		}
	}
}

func TestFields(t *testing.T) {
	t.Parallel()
	type fields struct{ GTIN, Part, Serial, Lot, Quantity, Made, Expires string }
	for scan, want := range map[string]fields{
		"]d2010950600013435221ABC\x1d10LOT1\x1d1725093011240100": {"09506000134352", "", "ABC", "LOT1", "", "2024-01-31", "2025-09-30"},
		"(00)095060001343520000(02)09506000134352(37)12":         {"", "", "", "", "12", "", ""},
		"(8006)095060001343520102(21)X":                          {"09506000134352", "", "X", "", "", "", ""},
		"(01)09506000134352(241)4711(30)7":                       {"09506000134352", "4711", "", "", "7", "", ""},
		"(01)09506000134352(7003)2509301200(8008)24010112":       {"09506000134352", "", "", "", "", "2024-01-01", "2025-09-30"},
		"[)>\x1e06\x1dP4711\x1d1PM-1\x1dS5\x1d1TL9\x1dQ100\x1d14D20250930\x1d16D20240131\x1e\x04": {
			"", "4711", "5", "L9", "100", "2024-01-31", "2025-09-30",
		},
		"[)>\x1e06\x1dS5\x1d15D30092025\x1d17D31012024\x1e\x04": {"", "", "5", "", "", "2024-01-31", "2025-09-30"},
		"[)>\x1e06\x1dS5\x1dD250900\x1d16D2024013\x1e\x04":      {Serial: "5"},
		"[)>\x1e06\x1d9N110375286414\x1dSX1\x1dD250900\x1e\x04": {"", "", "X1", "", "", "", "2025-09-30"},
		"[)>\x1e06\x1d8P9506000134352\x1dTL9\x1e\x04":           {"09506000134352", "", "", "L9", "", "", ""},
		"[)>\x1e06\x1d8P9506000134353\x1e\x04":                  {},
	} {
		m, err := Parse(scan)
		if err != nil {
			t.Errorf("%q: %v", scan, err)
			continue
		}
		es := m.Elements
		got := fields{es.GTIN(), es.PartNumber(), es.Serial(), es.Lot(), es.Quantity(), "", ""}
		if d, ok := es.Production(2026); ok {
			got.Made = d.String()
		}
		if d, ok := es.Expiry(2026); ok {
			got.Expires = d.String()
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got)\n%s", scan, diff)
		}
	}
}

// GS1 General Specifications, section 7.12.
func TestDates(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text string
		year int
		want string
	}{
		{"260101", 2026, "2026-01-01"},
		{"761231", 2026, "2076-12-31"}, // 50 ahead
		{"770101", 2026, "1977-01-01"}, // 51 ahead
		{"000101", 2026, "2000-01-01"},
		{"990101", 2026, "1999-01-01"},
		{"490101", 2099, "2149-01-01"}, // 50 behind
		{"500101", 2099, "2050-01-01"}, // 49 behind
		{"240200", 2026, "2024-02-29"},
		{"250200", 2026, "2025-02-28"},
		{"251100", 2026, "2025-11-30"},
		{"251200", 2026, "2025-12-31"},
		{"000200", 2099, "2100-02-28"}, // no leap year
		{"240229", 2026, "2024-02-29"},
		{"250229", 2026, ""},
		{"251301", 2026, ""},
		{"250001", 2026, ""},
		{"250132", 2026, ""},
		{"25013", 2026, ""},
		{"2501x1", 2026, ""},
	} {
		got := ""
		if d, ok := ParseDate(c.text, c.year); ok {
			got = d.String()
		}
		if got != c.want {
			t.Errorf("ParseDate(%s, %d) = %q, want %q", c.text, c.year, got, c.want)
		}
	}
}

func TestErrorText(t *testing.T) {
	t.Parallel()
	for want, e := range map[string]*Error{
		"(01) at byte 6: wrong": {ID: "01", Position: 6, Detail: "wrong"},
		"(01): wrong":           {ID: "01", Detail: "wrong"},
		"byte 6: wrong":         {Position: 6, Detail: "wrong"},
		"wrong":                 {Detail: "wrong"},
	} {
		if got := e.Error(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
