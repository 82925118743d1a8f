package gs1

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Whatever a reader sends: an error has a place in it, and what is understood
// says the same in canonical form.
func FuzzParse(f *testing.F) {
	for _, s := range scans {
		f.Add(s, "")
		f.Add(s, "gs1,lost,partial")
	}
	for _, s := range []string{
		"", "]", "]d2", "(01)9506000134352(21)A", `(10)A\(B`, "^0109506000134352", "010950600013435221ABC10X", "]d2]C1\x1d10A",
		"8006095060001343520102", "21A|10B", "\x1d", "]I109506000134352", "]E3950600013435212",
	} {
		for _, p := range []string{"", "plain", "gs1", "gs1,gtin", "di", "leading,separator=|", "brackets,partial", "lost"} {
			f.Add(s, p)
		}
	}
	f.Fuzz(func(t *testing.T, scan, profile string) {
		p, err := ParseProfile(profile)
		if err != nil {
			return
		}
		m, err := Parser{Profile: p}.Parse(scan)
		if err != nil {
			e, ok := errors.AsType[*Error](err)
			if !ok || e.Position < 0 || e.Position > len(scan)+1 || e.Rule == "" || e.Detail == "" {
				t.Fatalf("error %#v of %q", err, scan)
			}
			return
		}
		if b := m.AppendJSON(nil, CompanyPrefixes{"9506000"}, 2026); !json.Valid(b) {
			t.Fatalf("%q: %s", scan, b)
		}
		for _, one := range append(m.Ambiguous, m) {
			same(t, one.Elements)
		}
	})
}

// same checks that the forms of es are read as es.
func same(t *testing.T, es Elements) {
	t.Helper()
	if text, ok := es.Caret(); ok {
		m, err := Parser{Profile: Profile{Partial: true}}.Parse(text)
		if err != nil || !cmp.Equal(m.Elements, es) {
			t.Fatalf("%q is read as %v (%v), want %v", text, m.Elements, err, es)
		}
	}
	if text, ok := es.Bracketed(); ok {
		got, warnings, err := ParseBracketed(text)
		if err != nil || len(warnings) > 0 || !cmp.Equal(got, es) {
			t.Fatalf("%q is read as %v (%v), want %v", text, got, err, es)
		}
	}
	if text, ok := es.ElementString(); ok {
		got, err := ParseElementString(text)
		if err != nil || !cmp.Equal(got, es) {
			t.Fatalf("%q is read as %v (%v), want %v", text, got, err, es)
		}
	}
}
