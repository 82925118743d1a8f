package gs1

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// bracketed returns the elements in human readable form.
func bracketed(t *testing.T, es Elements) string {
	t.Helper()
	text, ok := es.Bracketed()
	if !ok {
		t.Fatalf("elements %v have no human readable form", es)
	}
	return text
}

// elementsOf parses the human readable form.
func elementsOf(t *testing.T, text string) Elements {
	t.Helper()
	es, _, err := ParseBracketed(text)
	if err != nil {
		t.Fatal(err)
	}
	return es
}

func TestDigitalLinkIsParsedToItsElements(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, uri, want string }{
		// Examples of the GS1 Digital Link standard.
		{"GTIN", "https://id.gs1.org/01/09520123456788", "(01)09520123456788"},
		{"GTIN-13", "https://brand.example.com/01/9520123456788", "(01)09520123456788"},
		{"stem with a path", "https://brand.example.com/some-extra/pathinfo/01/9520123456788", "(01)09520123456788"},
		{"variant", "https://id.gs1.org/01/09520123456788/22/2A", "(01)09520123456788(22)2A"},
		{"lot", "https://id.gs1.org/01/09520123456788/10/ABC123", "(01)09520123456788(10)ABC123"},
		{"serial number", "https://id.gs1.org/01/09520123456788/21/12345", "(01)09520123456788(21)12345"},
		{"lot, serial number and expiry", "https://id.gs1.org/01/09520123456788/10/ABC1/21/12345?17=180426", "(01)09520123456788(10)ABC1(21)12345(17)180426"},
		{"GTIN-14, lot, serial number and expiry", "https://id.gs1.org/01/09506000134352/10/ABC1/21/12345?17=180426", "(01)09506000134352(10)ABC1(21)12345(17)180426"},
		{"other domain, GTIN-13", "https://example.org/01/9520123456788/10/ABC1/21/12345?17=180426", "(01)09520123456788(10)ABC1(21)12345(17)180426"},
		{"weight", "https://id.gs1.org/01/09520123456788?3103=000195", "(01)09520123456788(3103)000195"},
		{"weight, price and expiry", "https://example.com/01/9520123456788?3103=000195&3922=0299&17=201225", "(01)09520123456788(3103)000195(3922)0299(17)201225"},
		{"SSCC", "https://id.gs1.org/00/952012345678912345", "(00)952012345678912345"},
		{"SSCC with content", "https://id.gs1.org/00/952012345678912345?02=09520123456788&37=25&10=ABC123", "(00)952012345678912345(02)09520123456788(37)25(10)ABC123"},
		{"GLN", "https://id.gs1.org/414/9520123456788", "(414)9520123456788"},
		{"GLN with extension", "https://id.gs1.org/414/9520123456788/254/32a%2Fb", "(414)9520123456788(254)32a/b"},
		{"asset with GTIN", "https://example.com/8004/9520614141234567?01=9520123456788", "(8004)9520614141234567(01)09520123456788"},
		// What the syntax allows.
		{"HTTP", "HTTP://a/00/006141411234567890", "(00)006141411234567890"},
		{"mixed case", "HtTpS://a/00/006141411234567890", "(00)006141411234567890"},
		{"port", "https://a:65535/01/12312312312333", "(01)12312312312333"},
		{"IPv6", "https://[2001:db8::1]/01/12312312312333", "(01)12312312312333"},
		{"key in the stem", "https://a/00/faux/00/006141411234567890", "(00)006141411234567890"},
		{"digits in the stem", "https://a/2024/10/01/12312312312333/21/5", "(01)12312312312333(21)5"},
		{"values like identifiers", "https://a/01/12312312312333/10/01/21/00", "(01)12312312312333(10)01(21)00"},
		{"all qualifiers", "https://a/01/12312312312333/22/TEST/10/ABC/21/XYZ", "(01)12312312312333(22)TEST(10)ABC(21)XYZ"},
		{"other sequence", "https://a/01/12312312312333/235/TEST", "(01)12312312312333(235)TEST"},
		{"lot beside the other sequence", "https://id.gs1.org/01/09520123456788/235/XYZ?10=ABC123", "(01)09520123456788(235)XYZ(10)ABC123"},
		{"document", "https://a/253/1231231231232TEST5678901234567", "(253)1231231231232TEST5678901234567"},
		{"service relation", "https://a/8018/123456789012345675/8019/123", "(8018)123456789012345675(8019)123"},
		{"empty query", "https://a/stem/00/006141411234567890?", "(00)006141411234567890"},
		{"empty parameters", "https://a/00/006141411234567890?&&99=ABC&;98=XYZ&&", "(00)006141411234567890(99)ABC(98)XYZ"},
		{"semicolons", "https://a/00/006141411234567890?99=ABC;98=XYZ", "(00)006141411234567890(99)ABC(98)XYZ"},
		{"other parameters", "https://a/00/006141411234567890?linkType=all&99=ABC&x", "(00)006141411234567890(99)ABC"},
		{"other parameter that is not decoded", "https://a/00/006141411234567890?x=%zz", "(00)006141411234567890"},
		{"escapes of either case", "https://a/01/12312312312333/22/ABC%2d123?98=XYZ%2f987", "(01)12312312312333(22)ABC-123(98)XYZ/987"},
		{"plus", "https://a/01/12312312312333/22/A+1?98=X+%2B", "(01)12312312312333(22)A+1(98)X++"},
		{"slash and question mark in the query", "https://a/01/12312312312333?98=X/Y?Z", "(01)12312312312333(98)X/Y?Z"},
		{"fragment", "https://a/00/006141411234567890?99=ABC#frag/01/x?y", "(00)006141411234567890(99)ABC"},
		{"fragment behind the path", "https://a/00/006141411234567890#?99=ABC", "(00)006141411234567890"},
		{"the same twice", "https://a/00/006141411234567890?99=ABC&99=ABC", "(00)006141411234567890(99)ABC"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			es, err := ParseDigitalLink(tt.uri)
			if err != nil {
				t.Fatal(err)
			}
			if got := bracketed(t, es); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestDigitalLinkErrorsTellWhereAndWhy(t *testing.T) {
	t.Parallel()
	const gtin = "https://a/01/12312312312333"
	for _, tt := range []struct {
		name, uri string
		rule      Rule
		id        string
		behind    string // the position is that of what follows it in the URI
	}{
		{"check digit", "https://a/01/12312312312334", "csum", "01", "https://a/01/1231231231233"},
		{"check digit of a GTIN-13", "https://a/01/9520123456789", "csum", "01", "https://a/01/952012345678"},
		{"check digit behind escapes", "https://a/01/%31231231231233%34", "csum", "01", "https://a/01/%31231231231233"},
		{"short GTIN", "https://a/01/123", RuleLength, "01", "https://a/01/"},
		{"letter in a GTIN", "https://a/01/1231231231233X", RuleCharacter, "01", "https://a/01/1231231231233"},
		{"what looks like a date", "https://a/2024/01/15", RuleLength, "01", "https://a/2024/01/"},
		{"long value", "https://a/253/1231231231232TEST56789012345678", RuleLength, "253", "https://a/253/1231231231232TEST5678901234567"},
		{"character of a value", gtin + "/21/A%20B", RuleCharacter, "21", gtin + "/21/A"},
		{"byte that is no ASCII", gtin + "/21/%C3%A4", RuleCharacter, "21", gtin + "/21/"},
		{"NUL", gtin + "/21/%00", RuleCharacter, "21", gtin + "/21/"},
		{"broken escape in the path", gtin + "/21/A%2", RuleSyntax, "21", gtin + "/21/A"},
		{"broken escape in the query", gtin + "?98=A%G0", RuleSyntax, "98", gtin + "?98=A"},
		{"percent alone", gtin + "/21/%", RuleSyntax, "21", gtin + "/21/"},
		{"character that no URI has", gtin + `/21/A"B`, RuleCharacter, "21", gtin + "/21/A"},
		{"blank", gtin + "?98=A B", RuleCharacter, "98", gtin + "?98=A"},
		{"order of qualifiers", gtin + "/21/A/10/B", RuleSyntax, "10", gtin + "/21/A/"},
		{"two sequences", gtin + "/21/A/235/B", RuleSyntax, "235", gtin + "/21/A/"},
		{"qualifier twice", gtin + "/21/A/21/A", RuleSyntax, "21", gtin + "/21/A/"},
		{"attribute in the path", gtin + "/17/250101", RuleSyntax, "17", gtin + "/"},
		{"AI that belongs to no link in the path", gtin + "/03/12312312312333", RuleSyntax, "03", gtin + "/"},
		{"qualifier in the query", gtin + "?21=A", RuleSyntax, "21", gtin + "?"},
		{"lot in the query", "https://example.com/01/09520123456788?10=ABC123", RuleSyntax, "10", "https://example.com/01/09520123456788?"},
		{"lot in front of a serial number in the query", gtin + "/21/A?10=B", RuleSyntax, "10", gtin + "/21/A?"},
		{"qualifier of another key in the query", gtin + "?8020=A", RuleSyntax, "8020", gtin + "?"},
		{"qualifier in path and query", gtin + "/21/A?21=A", RuleSyntax, "21", gtin + "/21/A?"},
		{"two values", gtin + "?98=A&98=B", RuleRepeat, "98", gtin + "?98=A&98="},
		{"two GTINs", gtin + "?01=09520123456788", RuleRepeat, "01", gtin + "?01="},
		{"empty value in the path", gtin + "/10/", RuleLength, "10", gtin + "/10/"},
		{"empty key", "https://a/01//10/A", RuleLength, "01", "https://a/01/"},
		{"empty value in the query", gtin + "?98=", RuleLength, "98", gtin + "?98="},
		{"no value in the query", gtin + "?98", RuleLength, "98", gtin + "?98"},
		{"no value in the path", gtin + "/10", RuleLength, "10", gtin + "/10"},
		{"slash at the end", gtin + "/", RuleSyntax, "", gtin},
		{"two slashes", gtin + "//", RuleSyntax, "", gtin},
		{"unknown in the path", gtin + "/x/y", RuleUnknownAI, "", gtin + "/"},
		{"unknown behind a qualifier", gtin + "/10/A/x/y", RuleUnknownAI, "", gtin + "/10/A/"},
		{"compressed in part", gtin + "/BaJ3kDk", RuleUnknownAI, "", gtin + "/"},
		{"no domain", "https:///01/12312312312333", RuleSyntax, "", "https://"},
		{"other scheme", "ftp://a/01/12312312312333", RuleSyntax, "", ""},
		{"no URI", "", RuleSyntax, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			es, err := ParseDigitalLink(tt.uri)
			fails(t, err, tt.id, len(tt.behind)+1, tt.rule)
			if !strings.HasPrefix(tt.uri, tt.behind) || es != nil {
				t.Errorf("got %v; %q must begin with %q", es, tt.uri, tt.behind)
			}
		})
	}
}

func TestURLWithoutKeyIsNoDigitalLink(t *testing.T) {
	t.Parallel()
	for _, uri := range []string{
		"https://", "https://a", "https://a/", "https://a/b", "https://a/b/", "https://a?01=12312312312333", "https://a#/01/12312312312333",
		"https://example.com/part/4711?x=1", "https://example.com/10/ABC/21/1", "https://example.com/01", "https://example.com/01/",
		"https://example.com/2024/01/15/title", "https://example.com/00/foo/bar", "https://00/006141411234567890",
		"https://example.com/gtin/09506000134352", // the names of version 1.0
		"https://example.com/ARFKk4XB0CDKWcnpq",   // compressed
		"https://example.com/x?y=/01/12312312312333",
	} {
		t.Run(uri, func(t *testing.T) {
			t.Parallel()
			es, link, warnings, err := parseDigitalLink(uri, 1)
			if es != nil || link || warnings != nil || err != nil {
				t.Errorf("got %v, %v, %v, %v", es, link, warnings, err)
			}
			_, err = ParseDigitalLink(uri)
			fails(t, err, "", 1, RuleSyntax)
		})
	}
	if _, link, _, err := parseDigitalLink("urn:x", 1); link || err != nil {
		t.Errorf("urn: %v, %v", link, err)
	}
}

func TestPositionsAreThoseOfTheScan(t *testing.T) {
	t.Parallel()
	_, link, _, err := parseDigitalLink("https://a/01/12312312312334", 4)
	if !link {
		t.Error("must be a link")
	}
	fails(t, err, "01", 30, "csum")
	_, _, _, err = parseDigitalLink("https://a/01/12312312312333?98=%", 4)
	fails(t, err, "98", 35, RuleSyntax)
}

func TestWhatIsPutUpWithInADigitalLinkIsTold(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, uri, want string }{
		{"short GTIN", "https://a/01/9520123456788", "14 digits"},
		{"short GTIN in the query", "https://a/8004/9520614141234567?01=9520123456788", "14 digits"},
		{"number in the query", "https://a/01/12312312312333?999=A", `"999"`},
		{"key in the stem", "https://a/01/12312312312333/414/9520123456788", "(414)"},
		{"key in the stem, apart", "https://a/01/12312312312333/x/414/9520123456788", "(414)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, link, warnings, err := parseDigitalLink(tt.uri, 1)
			if err != nil || !link || len(warnings) != 1 || !strings.Contains(warnings[0], tt.want) {
				t.Errorf("got %v, %q, %v, want a warning of %q", link, warnings, err, tt.want)
			}
		})
	}
}

func TestDigitalLinkIsBuiltInCanonicalForm(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, elements, stem, want string }{
		{"GTIN", "(01)9520123456788", "", "https://id.gs1.org/01/09520123456788"},
		{"qualifiers in their order", "(21)12345(17)180426(10)ABC1(01)09506000134352", "", "https://id.gs1.org/01/09506000134352/10/ABC1/21/12345?17=180426"},
		{"attributes in their order", "(01)09520123456788(3103)000195(3922)0299(17)201225(99)A", "", "https://id.gs1.org/01/09520123456788?17=201225&3103=000195&3922=0299&99=A"},
		{"escapes", `(414)9520123456788(254)32a/b`, "", "https://id.gs1.org/414/9520123456788/254/32a%2Fb"},
		{"all escapes", `(00)952012345678912345(98)!"%&'\()*+,-./:;<=>?_`, "", "https://id.gs1.org/00/952012345678912345?98=%21%22%25%26%27%28%29%2A%2B%2C-.%2F%3A%3B%3C%3D%3E%3F_"},
		{"stem", "(01)09520123456788", "http://example.com", "http://example.com/01/09520123456788"},
		{"stem with a path", "(01)09520123456788", "HTTPS://example.com/some/path/", "HTTPS://example.com/some/path/01/09520123456788"},
		{"stem with port and IPv6", "(01)09520123456788", "https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443/01/09520123456788"},
		{"the first key of two", "(414)9520123456788(01)09520123456788", "", "https://id.gs1.org/414/9520123456788?01=09520123456788"},
		{"the key for which others are attributes", "(414)9520123456788(01)09520123456788(21)A", "", "https://id.gs1.org/01/09520123456788/21/A?414=9520123456788"},
		{"SSCC with content", "(00)952012345678912345(02)09520123456788(37)25(10)ABC123", "", "https://id.gs1.org/00/952012345678912345?02=09520123456788&10=ABC123&37=25"},
		{"other sequence", "(01)09520123456788(10)L(235)T", "", "https://id.gs1.org/01/09520123456788/235/T?10=L"},
		{"payment slip", "(8020)R(415)9520123456788", "", "https://id.gs1.org/415/9520123456788/8020/R"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := elementsOf(t, tt.elements).DigitalLink(tt.stem)
			if err != nil || got != tt.want {
				t.Errorf("got %s (%v), want %s", got, err, tt.want)
			}
		})
	}
}

func TestWhatHasNoDigitalLinkIsAnError(t *testing.T) {
	t.Parallel()
	const gtin = "09520123456788"
	for _, tt := range []struct {
		name string
		es   Elements
		stem string
		rule Rule
		id   string
	}{
		{"nothing", nil, "", RuleNotEncodable, ""},
		{"no key", Elements{{AI: "10", Value: "A"}}, "", RuleNotEncodable, ""},
		{"data identifier", Elements{{AI: "01", Value: gtin}, {DI: "1P", Value: "A"}}, "", RuleNotEncodable, "1P"},
		{"two sequences", Elements{{AI: "01", Value: gtin}, {AI: "21", Value: "A"}, {AI: "235", Value: "A"}}, "", RuleNotEncodable, "235"},
		{"qualifier without its key", Elements{{AI: "00", Value: "952012345678912345"}, {AI: "21", Value: "A"}}, "", RuleNotEncodable, "21"},
		{"no attribute", Elements{{AI: "01", Value: gtin}, {AI: "8200", Value: "A"}}, "", RuleNotEncodable, "8200"},
		{"two keys with qualifiers", Elements{{AI: "01", Value: gtin}, {AI: "21", Value: "A"}, {AI: "8010", Value: "952012A"}, {AI: "8011", Value: "1"}}, "", RuleNotEncodable, "8011"},
		{"unknown AI", Elements{{AI: "05", Value: "1"}}, "", RuleUnknownAI, "05"},
		{"bad value", Elements{{AI: "01", Value: "09520123456789"}}, "", "csum", "01"},
		{"short GTIN", Elements{{AI: "01", Value: gtin[1:]}}, "", RuleLength, "01"},
		{"two values", Elements{{AI: "01", Value: gtin}, {AI: "10", Value: "A"}, {AI: "10", Value: "B"}}, "", RuleRepeat, "10"},
		{"stem without scheme", Elements{{AI: "01", Value: gtin}}, "example.com", RuleSyntax, ""},
		{"stem without domain", Elements{{AI: "01", Value: gtin}}, "https:///", RuleSyntax, ""},
		{"stem with query", Elements{{AI: "01", Value: gtin}}, "https://a?x", RuleSyntax, ""},
		{"stem with fragment", Elements{{AI: "01", Value: gtin}}, "https://a#x", RuleSyntax, ""},
		{"stem with blank", Elements{{AI: "01", Value: gtin}}, "https://a b", RuleSyntax, ""},
		{"stem with broken escape", Elements{{AI: "01", Value: gtin}}, "https://a/%2", RuleSyntax, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			link, err := tt.es.DigitalLink(tt.stem)
			fails(t, err, tt.id, 0, tt.rule)
			if link != "" {
				t.Errorf("got %s", link)
			}
		})
	}
}

func TestTheSameElementTwiceIsOnceInADigitalLink(t *testing.T) {
	t.Parallel()
	es := Elements{{AI: "01", Value: "09520123456788"}, {AI: "98", Value: "A"}, {AI: "98", Value: "A"}}
	got, err := es.DigitalLink("")
	if diff := cmp.Diff("https://id.gs1.org/01/09520123456788?98=A", got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
}

func TestParsingALinkAllocatesTheElementsOnly(t *testing.T) {
	got := testing.AllocsPerRun(100, func() {
		if _, _, _, err := parseDigitalLink("https://id.gs1.org/01/09506000134352/10/ABC1/21/12345?17=180426", 1); err != nil {
			t.Fatal(err)
		}
	})
	if got > 1 {
		t.Errorf("%v allocations, want 1", got)
	}
}
