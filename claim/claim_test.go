package claim_test

import (
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/claim"
)

func TestCanonical(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		number, exact, fold string
	}{
		"plain":                          {"SN-0042", "SN-0042", "sn-0042"},
		"nothing":                        {"", "", ""},
		"blank":                          {" \t\r\n", "", ""},
		"white space around":             {"\r\n SN 42\t", "SN 42", "sn 42"},
		"Unicode's white space around":   {"\u00a0\u2003SN\u3000\u0085", "SN", "sn"},
		"white space within stays":       {"A  B", "A  B", "a  b"},
		"é composed":                     {"caf\u00e9", "caf\u00e9", "caf\u00e9"},
		"é decomposed":                   {"cafe\u0301", "caf\u00e9", "caf\u00e9"},
		"É decomposed":                   {"CAFE\u0301", "CAF\u00c9", "caf\u00e9"},
		"two marks in one order":         {"a\u0323\u0302", "\u1ead", "\u1ead"},
		"two marks in the other":         {"a\u0302\u0323", "\u1ead", "\u1ead"},
		"the Ångström sign":              {"\u212b", "\u00c5", "\u00e5"},
		"the Kelvin sign":                {"300\u212a", "300K", "300k"},
		"ß":                              {"Stra\u00dfe", "Stra\u00dfe", "strasse"},
		"capital ß":                      {"STRA\u1e9eE", "STRA\u1e9eE", "strasse"},
		"SS":                             {"STRASSE", "STRASSE", "strasse"},
		"İ":                              {"\u0130", "\u0130", "i\u0307"},
		"ı stays itself":                 {"\u0131", "\u0131", "\u0131"},
		"the ligature ﬁ":                 {"\ufb01", "\ufb01", "fi"},
		"sigma at the end":               {"\u03bf\u03c2", "\u03bf\u03c2", "\u03bf\u03c3"},
		"capital sigma":                  {"\u039f\u03a3", "\u039f\u03a3", "\u03bf\u03c3"},
		"full width is another number":   {"\uff21\uff11", "\uff21\uff11", "\uff41\uff11"},
		"a Cyrillic А is another number": {"\u0410", "\u0410", "\u0430"},
		"a control character stays":      {"1\x1d2", "1\x1d2", "1\x1d2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := claim.Canonical(tc.number, false); got != tc.exact {
				t.Errorf("exact: got %+q, want %+q", got, tc.exact)
			}
			if got := claim.Canonical(tc.number, true); got != tc.fold {
				t.Errorf("fold: got %+q, want %+q", got, tc.fold)
			}
		})
	}
}

// slowCanonical is what Canonical promises, without its short cut for ASCII.
func slowCanonical(number string, fold bool) string {
	number = norm.NFC.String(strings.TrimSpace(number))
	if fold {
		number = norm.NFC.String(cases.Fold().String(number))
	}
	return number
}

func ascii() *rapid.Generator[string] {
	return rapid.StringOf(rapid.RuneFrom(nil, &unicode.RangeTable{R16: []unicode.Range16{{Lo: 0, Hi: 0x7f, Stride: 1}}}))
}

func TestCanonicalOfASCIITakesAShortCut(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		number, fold := ascii().Draw(t, "number"), rapid.Bool().Draw(t, "fold")
		if got, want := claim.Canonical(number, fold), slowCanonical(number, fold); got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	})
}

// texts draws what is likely to go wrong: letters with marks, foldings that
// lengthen, white space at the ends.
func texts() *rapid.Generator[string] {
	odd := []rune("aAkK\u212aßẞSsİIiıΣσς\u00e9\u0301\u0302\u0323\u0307\u0345\u00a0 \u1e9b\ufb01\u1fb3\u0390")
	return rapid.OneOf(rapid.String(), rapid.StringOf(rapid.SampledFrom(odd)))
}

// Texts that Unicode calls canonically equivalent are one number.
func TestEquivalentNumbersAreOne(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		number := texts().Draw(t, "number")
		for _, fold := range []bool{false, true} {
			want := claim.Canonical(number, fold)
			for name, other := range map[string]string{
				"decomposed":        norm.NFD.String(number),
				"composed":          norm.NFC.String(number),
				"with white space":  " \t" + number + "\r\n",
				"itself":            number,
				"in canonical form": claim.Canonical(number, false),
			} {
				if got := claim.Canonical(other, fold); got != want {
					t.Fatalf("%s, fold %t: got %+q, want %+q", name, fold, got, want)
				}
			}
		}
	})
}

// Without folding the canonical form is a fixed point.
func TestCanonicalOfTheCanonicalIsItself(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := claim.Canonical(texts().Draw(t, "number"), false)
		if got := claim.Canonical(want, false); got != want {
			t.Fatalf("got %+q, want %+q", got, want)
		}
	})
}

func TestOf(t *testing.T) {
	t.Parallel()
	all := []seriald.Scope{seriald.ScopeSite, seriald.ScopePartType, seriald.ScopeEnterprise, seriald.ScopeVendor}
	part := func(change func(*seriald.Part)) *seriald.Part {
		p := &seriald.Part{
			ID: "PART-001", Type: "WIDGET", VendorScopes: []seriald.Scope{seriald.ScopeVendor},
			UniquenessScopes: []seriald.Scope{seriald.ScopeSite, seriald.ScopePartType},
		}
		change(p)
		return p
	}
	id := seriald.ID{1}
	ours := &seriald.Serial{ID: id, Number: "SN-1", PartID: "PART-001", SiteID: "plant1", Source: seriald.SourceGenerated}
	vendors := &seriald.Serial{
		ID: id, Number: " SN-1 ", PartID: "PART-001", SiteID: "plant1", Source: seriald.SourceVendor, VendorName: " ACME Straße ",
	}
	for name, tc := range map[string]struct {
		serial *seriald.Serial
		part   *seriald.Part
		want   []seriald.Claim
	}{
		"ours, by default": {ours, part(func(*seriald.Part) {}), []seriald.Claim{
			{Scope: seriald.ScopeSite, ScopeKey: "plant1", Canonical: "SN-1", Number: "SN-1", SerialID: id, PartID: "PART-001"},
			{Scope: seriald.ScopePartType, ScopeKey: "WIDGET", Canonical: "SN-1", Number: "SN-1", SerialID: id, PartID: "PART-001"},
		}},
		"ours, everywhere": {ours, part(func(p *seriald.Part) { p.UniquenessScopes = []seriald.Scope{seriald.ScopeEnterprise} }), []seriald.Claim{
			{Scope: seriald.ScopeEnterprise, Canonical: "SN-1", Number: "SN-1", SerialID: id, PartID: "PART-001"},
		}},
		"ours, folded": {
			ours, part(func(p *seriald.Part) { p.UniquenessScopes, p.Rule.Fold = []seriald.Scope{seriald.ScopeSite}, true }), []seriald.Claim{
				{Scope: seriald.ScopeSite, ScopeKey: "plant1", Canonical: "sn-1", Number: "SN-1", SerialID: id, PartID: "PART-001"},
			},
		},
		"a vendor's, by default": {vendors, part(func(*seriald.Part) {}), []seriald.Claim{
			{Scope: seriald.ScopeVendor, ScopeKey: "acme strasse\x1fPART-001", Canonical: "SN-1", Number: " SN-1 ", SerialID: id, PartID: "PART-001"},
		}},
		"a vendor's, in every scope": {vendors, part(func(p *seriald.Part) { p.VendorScopes = all }), []seriald.Claim{
			{Scope: seriald.ScopeSite, ScopeKey: "plant1", Canonical: "SN-1", Number: " SN-1 ", SerialID: id, PartID: "PART-001"},
			{Scope: seriald.ScopePartType, ScopeKey: "WIDGET", Canonical: "SN-1", Number: " SN-1 ", SerialID: id, PartID: "PART-001"},
			{Scope: seriald.ScopeEnterprise, Canonical: "SN-1", Number: " SN-1 ", SerialID: id, PartID: "PART-001"},
			{Scope: seriald.ScopeVendor, ScopeKey: "acme strasse\x1fPART-001", Canonical: "SN-1", Number: " SN-1 ", SerialID: id, PartID: "PART-001"},
		}},
		"no scopes": {ours, part(func(p *seriald.Part) { p.UniquenessScopes = nil }), []seriald.Claim{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tc.want, claim.Of(tc.serial, tc.part)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// key is what the unique index of claims compares.
type key struct {
	scope               seriald.Scope
	scopeKey, canonical string
}

func keyOf(vendor, part, number string) key {
	c := claim.Of(
		&seriald.Serial{Number: number, PartID: part, SiteID: "plant1", Source: seriald.SourceVendor, VendorName: vendor},
		&seriald.Part{ID: part, Type: "WIDGET", VendorScopes: []seriald.Scope{seriald.ScopeVendor}},
	)[0]
	return key{c.Scope, c.ScopeKey, c.Canonical}
}

func TestVendorsMayShipTheSameNumber(t *testing.T) {
	t.Parallel()
	base := keyOf("ACME", "PART-002", "3")
	for name, tc := range map[string]struct {
		vendor, part, number string
		same                 bool
	}{
		"the same":                     {"ACME", "PART-002", "3", true},
		"the vendor in another case":   {"Acme", "PART-002", "3", true},
		"the vendor with white space":  {" ACME ", "PART-002", "3", true},
		"the number with white space":  {"ACME", "PART-002", " 3", true},
		"another vendor":               {"Bolts Ltd", "PART-002", "3", false},
		"another part":                 {"ACME", "PART-003", "3", false},
		"the part in another case":     {"ACME", "part-002", "3", false},
		"another number":               {"ACME", "PART-002", "03", false},
		"a vendor with the part's end": {"ACMEPART", "-002", "3", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := keyOf(tc.vendor, tc.part, tc.number); (got == base) != tc.same {
				t.Errorf("got %+v beside %+v, want the same: %t", got, base, tc.same)
			}
		})
	}
}

// eventTexts draws what an event's field may hold (seriald.Event.Fields).
func eventTexts() *rapid.Generator[string] {
	return rapid.OneOf(texts(), rapid.StringOf(rapid.SampledFrom([]rune("aA \x1d\x1e/|"))), ascii()).
		Filter(func(s string) bool { return !strings.ContainsAny(s, "\x00\x1f") })
}

// Different vendors or parts never share a key, whatever they are called.
func TestVendorKeysAreNobodyElses(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		vendor1, vendor2 := eventTexts().Draw(t, "vendor 1"), eventTexts().Draw(t, "vendor 2")
		part1, part2 := eventTexts().Draw(t, "part 1"), eventTexts().Draw(t, "part 2")
		want := claim.Canonical(vendor1, true) == claim.Canonical(vendor2, true) && part1 == part2
		if got := keyOf(vendor1, part1, "3") == keyOf(vendor2, part2, "3"); got != want {
			t.Fatalf("%q of %q and %q of %q share a key: %t, want %t", part1, vendor1, part2, vendor2, got, want)
		}
	})
}

// The separator between the two can't come in with an event.
func TestNoEventHoldsTheSeparator(t *testing.T) {
	t.Parallel()
	for _, field := range []string{"vendorName", "partId"} {
		e := seriald.Event{Type: seriald.TypeVendorSerialReceive, Data: []byte(
			`{"vendorSerialNumber":"3","vendorName":"ACME","partId":"P","` + field + `":"a\u001fb"}`)}
		if f, err := e.Fields(); err == nil {
			t.Errorf("%s: took %q of %q", field, f.PartID, f.VendorName)
		}
	}
}

func BenchmarkOf(b *testing.B) {
	s := &seriald.Serial{Number: "TST-20260302-000001", PartID: "PART-001", SiteID: "plant1", Source: seriald.SourceGenerated}
	p := &seriald.Part{ID: "PART-001", Type: "WIDGET", UniquenessScopes: []seriald.Scope{seriald.ScopeSite, seriald.ScopePartType}}
	b.ReportAllocs()
	for b.Loop() {
		if len(claim.Of(s, p)) != 2 {
			b.Fatal("want two claims")
		}
	}
}
