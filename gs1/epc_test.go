package gs1

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// epcExamples are EPCs with their element strings: those of the GS1 EPC Tag Data
// Standard, sections 6.3, 7 and annex E.3, and what its grammar allows.
var epcExamples = []struct{ uri, elements string }{
	{"urn:epc:id:sgtin:0614141.112345.400", "(01)10614141123459(21)400"},
	{"urn:epc:id:sgtin:0614141.812345.6789", "(01)80614141123458(21)6789"},
	{"urn:epc:id:sgtin:0614141.712345.32a%2Fb", "(01)70614141123451(21)32a/b"},
	{"urn:epc:id:sgtin:95060001343.05.123456789", "(01)09506000134352(21)123456789"},
	{"urn:epc:id:sgtin:0614141.112345.a.b..", "(01)10614141123459(21)a.b.."},
	{"urn:epc:id:sgtin:061414112345.1.%22%25%26%2F%3C%3E%3F", `(01)10614141123459(21)"%&/<>?`},
	{"urn:epc:id:sgtin:061414.1112345.!'()*+,-.:;=_", `(01)10614141123459(21)!'\()*+,-.:;=_`},
	{"urn:epc:id:sscc:0614141.1234567890", "(00)106141412345678908"},
	{"urn:epc:id:sscc:952012.03456789123", "(00)095201234567891235"},
	{"urn:epc:id:sgln:0614141.12345.400", "(414)0614141123452(254)400"},
	{"urn:epc:id:sgln:0614141.12345.0", "(414)0614141123452"},
	{"urn:epc:id:sgln:9521141.12345.32a%2Fb", "(414)9521141123454(254)32a/b"},
	{"urn:epc:id:sgln:061414112345..0", "(414)0614141123452"},
	{"urn:epc:id:grai:0614141.12345.400", "(8003)00614141123452400"},
	{"urn:epc:id:grai:9521141.12345.32a%2Fb", "(8003)0952114112345432a/b"},
	{"urn:epc:id:grai:061414112345..0", "(8003)006141411234520"},
	{"urn:epc:id:giai:0614141.12345400", "(8004)061414112345400"},
	{"urn:epc:id:giai:9521141.32a%2Fb.0", "(8004)952114132a/b.0"},
	{"urn:epc:id:gsrn:0614141.1234567890", "(8018)061414112345678902"},
	{"urn:epc:id:gsrnp:9521141.1234567890", "(8017)952114112345678906"},
	{"urn:epc:id:gdti:0614141.12345.400", "(253)0614141123452400"},
	{"urn:epc:id:gdti:9521141.98765.ABCDefgh012345678", "(253)9521141987650ABCDefgh012345678"},
	{"urn:epc:id:cpi:0614141.123ABC.123456789", "(8010)0614141123ABC(8011)123456789"},
	{"urn:epc:id:cpi:9521141.5PQ7%2FZ43.12345", "(8010)95211415PQ7/Z43(8011)12345"},
	{"urn:epc:id:cpi:0614141.11111111111111-A%23%2F.1234", "(8010)061414111111111111111-A#/(8011)1234"},
	{"urn:epc:id:sgcn:4012345.67890.04711", "(255)401234567890104711"},
	{"urn:epc:id:sgcn:9521141.67890.04711", "(255)952114167890904711"},
	{"urn:epc:id:ginc:0614141.xyz47%2F11", "(401)0614141xyz47/11"},
	{"urn:epc:id:ginc:0614141.xyz3311cba", "(401)0614141xyz3311cba"},
	{"urn:epc:id:gsin:0614141.123456789", "(402)06141411234567890"},
	{"urn:epc:id:gsin:4012345.222333444", "(402)40123452223334442"},
	{"urn:epc:id:itip:4012345.012345.01.02.987", "(8006)040123451234560102(21)987"},
	{"urn:epc:id:itip:4012345.011111.01.02.9.87", "(8006)040123451111180102(21)9.87"},
	{"urn:epc:id:upui:1234567.098765.51qIgY)%3C%26Jp3*j7SDB", `(01)01234567987651(235)51qIgY)<&Jp3*j7SDB`},
	{"urn:epc:id:upui:1234567.089456.51qIgY)%3C%26Jp3*j7'SDB", `(01)01234567894560(235)51qIgY)<&Jp3*j7'SDB`},
	{"urn:epc:id:pgln:4012345.00000", "(417)4012345000009"},
	{"urn:epc:id:pgln:4000001.00000", "(417)4000001000005"},
	{"urn:epc:class:lgtin:4012345.012345.998877", "(01)04012345123456(10)998877"},
}

func TestEPCIsParsedToItsElementsAndBack(t *testing.T) {
	t.Parallel()
	for _, tt := range epcExamples {
		t.Run(tt.uri, func(t *testing.T) {
			t.Parallel()
			e, err := ParseEPC(tt.uri)
			if err != nil {
				t.Fatal(err)
			}
			if got := e.String(); got != tt.uri {
				t.Errorf("URI is %s, want %s", got, tt.uri)
			}
			if got := bracketed(t, e.Elements()); got != tt.elements {
				t.Errorf("elements are %s, want %s", got, tt.elements)
			}
			back, err := elementsOf(t, tt.elements).EPC(CompanyPrefixes{"99", e.CompanyPrefix(), "0614"})
			if err != nil || back != e {
				t.Errorf("EPC of the elements is %s (%v), want %s", back, err, tt.uri)
			}
		})
	}
}

func TestEPCHasItsParts(t *testing.T) {
	t.Parallel()
	e, err := ParseEPC("urn:epc:id:cpi:9521141.5PQ7%2FZ43.12345")
	if err != nil {
		t.Fatal(err)
	}
	got := []string{e.Scheme(), e.CompanyPrefix(), e.Reference(), e.Serial()}
	if diff := cmp.Diff([]string{"cpi", "9521141", "5PQ7/Z43", "12345"}, got); diff != "" {
		t.Error(diff)
	}
	if none := (EPC{}); none.String() != "" || none.Elements() != nil || none.Scheme() != "" {
		t.Error("the zero value must be none")
	}
}

func TestEPCThatIsNotWrittenAsTheStandardWritesItIsAnError(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, uri string
		rule      Rule
		id        string
		position  int
	}{
		{"nothing", "", RuleSyntax, "", 1},
		{"other URN", "urn:x:id:sgtin:0614141.112345.400", RuleSyntax, "", 1},
		{"upper case", "URN:EPC:id:sgtin:0614141.112345.400", RuleSyntax, "", 1},
		{"tag", "urn:epc:tag:sgtin-96:3.0614141.812345.6789", RuleSyntax, "", 1},
		{"pattern", "urn:epc:idpat:sgtin:0614141.112345.*", RuleSyntax, "", 1},
		{"scheme that is no GS1 key", "urn:epc:id:gid:952056.2718.1414", RuleSyntax, "", 12},
		{"scheme in upper case", "urn:epc:id:SGTIN:0614141.112345.400", RuleSyntax, "", 12},
		{"class as identity", "urn:epc:id:lgtin:4012345.012345.998877", RuleSyntax, "", 12},
		{"identity as class", "urn:epc:class:sgtin:4012345.012345.998877", RuleSyntax, "", 15},
		{"no body", "urn:epc:id:sgtin", RulePrefix, "", 17},
		{"short prefix", "urn:epc:id:sgtin:06141.11123456.400", RulePrefix, "", 18},
		{"long prefix", "urn:epc:id:sgtin:0614141123456..400", RulePrefix, "", 18},
		{"letter in the prefix", "urn:epc:id:sgtin:06141X1.112345.400", RulePrefix, "", 18},
		{"no reference", "urn:epc:id:sgtin:0614141", RuleSyntax, "", 25},
		{"short reference", "urn:epc:id:sgtin:0614141.11234.400", RuleLength, "", 26},
		{"long reference", "urn:epc:id:sgtin:0614141.1123456.400", RuleLength, "", 26},
		{"letter in the reference", "urn:epc:id:sgtin:0614141.1123A5.400", RuleCharacter, "", 30},
		{"no serial number", "urn:epc:id:sgtin:0614141.112345", RuleSyntax, "", 32},
		{"empty serial number", "urn:epc:id:sgtin:0614141.112345.", RuleLength, "", 33},
		{"long serial number", "urn:epc:id:sgtin:0614141.112345.123456789012345678901", RuleLength, "", 33},
		{"serial number where there is none", "urn:epc:id:sscc:0614141.1234567890.1", RuleCharacter, "", 35},
		{"blank", "urn:epc:id:sgtin:0614141.112345.4 0", RuleCharacter, "", 34},
		{"character that is not in the set", "urn:epc:id:sgtin:0614141.112345.%2F4~", RuleCharacter, "", 37},
		{"no ASCII", "urn:epc:id:sgtin:0614141.112345.4ä", RuleCharacter, "", 34},
		{"character that must be escaped", "urn:epc:id:sgtin:0614141.112345.4/0", RuleCharacter, "", 34},
		{"escape that must not be", "urn:epc:id:sgtin:0614141.112345.4%30", RuleSyntax, "", 34},
		{"escape in lower case", "urn:epc:id:sgtin:0614141.112345.4%2f", RuleSyntax, "", 34},
		{"escape after another", "urn:epc:id:sgtin:0614141.112345.%2Fx%41", RuleSyntax, "", 37},
		{"broken escape", "urn:epc:id:sgtin:0614141.112345.4%2", RuleSyntax, "", 34},
		{"GRAI without serial number", "urn:epc:id:grai:0614141.12345", RuleSyntax, "", 30},
		{"GRAI with a long one", "urn:epc:id:grai:0614141.12345.12345678901234567", RuleLength, "", 31},
		{"GIAI without reference", "urn:epc:id:giai:0614141.", RuleLength, "", 25},
		{"GIAI that is too long", "urn:epc:id:giai:0614141.123456789012345678901234", RuleLength, "", 25},
		{"lower case in a CPI", "urn:epc:id:cpi:0614141.a.1", RuleCharacter, "", 24},
		{"letter in a CPI's serial number", "urn:epc:id:cpi:0614141.A.1X", RuleCharacter, "", 27},
		{"zero in front of a CPI's serial number", "urn:epc:id:cpi:0614141.A.01", "nozeroprefix", "8011", 26},
		{"letter in an SGCN's serial number", "urn:epc:id:sgcn:4012345.67890.0471A", RuleCharacter, "", 35},
		{"ITIP without total", "urn:epc:id:itip:4012345.012345.01", RuleSyntax, "", 34},
		{"ITIP with a short piece", "urn:epc:id:itip:4012345.012345.1.02.987", RuleLength, "", 32},
		{"ITIP with a piece beyond the total", "urn:epc:id:itip:4012345.012345.03.02.987", "pieceoftotal", "8006", 32},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e, err := ParseEPC(tt.uri)
			fails(t, err, tt.id, tt.position, tt.rule)
			if e != (EPC{}) {
				t.Errorf("got %v", e)
			}
		})
	}
}

func TestElementsWithoutEPCSayWhatIsMissing(t *testing.T) {
	t.Parallel()
	known := CompanyPrefixes{"0614141"}
	for _, tt := range []struct {
		name     string
		es       Elements
		prefixes CompanyPrefixes
		rule     Rule
		id       string
	}{
		{"nothing", nil, known, RuleNotEncodable, ""},
		{"no key", Elements{{AI: "10", Value: "A"}}, known, RuleNotEncodable, ""},
		{"data identifier", Elements{{DI: "1P", Value: "A"}}, known, RuleNotEncodable, ""},
		{"GTIN alone", Elements{{AI: "01", Value: "10614141123459"}}, known, RuleNotEncodable, "01"},
		{"GTIN and place", Elements{{AI: "414", Value: "0614141123452"}, {AI: "01", Value: "10614141123459"}}, known, RuleNotEncodable, "01"},
		{"ITIP alone", Elements{{AI: "8006", Value: "040123451234560102"}}, known, RuleNotEncodable, "8006"},
		{"CPI alone", Elements{{AI: "8010", Value: "0614141A"}}, known, RuleNotEncodable, "8010"},
		{"GRAI without serial number", Elements{{AI: "8003", Value: "00614141123452"}}, known, RuleNotEncodable, "8003"},
		{"GDTI without serial number", Elements{{AI: "253", Value: "0614141123452"}}, known, RuleNotEncodable, "253"},
		{"GCN without serial number", Elements{{AI: "255", Value: "0614141123452"}}, known, RuleNotEncodable, "255"},
		{"GIAI that is a company prefix", Elements{{AI: "8004", Value: "0614141"}}, known, RuleNotEncodable, "8004"},
		{"extension 0", Elements{{AI: "414", Value: "0614141123452"}, {AI: "254", Value: "0"}}, known, RuleNotEncodable, "254"},
		{"no prefixes", Elements{{AI: "00", Value: "106141412345678908"}}, nil, RulePrefix, "00"},
		{"unknown prefix", Elements{{AI: "00", Value: "106141412345678908"}}, CompanyPrefixes{"1061414", "4012345"}, RulePrefix, "00"},
		{"short prefix", Elements{{AI: "00", Value: "106141412345678908"}}, CompanyPrefixes{"06141"}, RulePrefix, "00"},
		{"prefix that is none", Elements{{AI: "8004", Value: "0614141abcdefg"}}, CompanyPrefixes{"0614141a"}, RulePrefix, "8004"},
		{"bad key", Elements{{AI: "00", Value: "106141412345678909"}}, known, "csum", "00"},
		{"bad serial number", Elements{{AI: "01", Value: "10614141123459"}, {AI: "21", Value: "A B"}}, known, RuleCharacter, "21"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e, err := tt.es.EPC(tt.prefixes)
			fails(t, err, tt.id, 0, tt.rule)
			if e != (EPC{}) {
				t.Errorf("got %v", e)
			}
		})
	}
}

func TestEPCIsThatOfWhatTheElementsMark(t *testing.T) {
	t.Parallel()
	known := CompanyPrefixes{"0614141", "061414"}
	for _, tt := range []struct{ name, elements, want string }{
		{"serial number rather than lot", "(01)10614141123459(10)L(21)400(17)250101", "urn:epc:id:sgtin:0614141.112345.400"},
		{"lot", "(01)10614141123459(17)250101(10)L", "urn:epc:class:lgtin:0614141.112345.L"},
		{"lot rather than place", "(414)0614141123452(01)10614141123459(10)L", "urn:epc:class:lgtin:0614141.112345.L"},
		{"logistic unit rather than its content", "(02)10614141123459(37)25(10)L(00)106141412345678908", "urn:epc:id:sscc:0614141.1234567890"},
		{"asset rather than its GTIN", "(01)10614141123459(8004)0614141A", "urn:epc:id:giai:0614141.A"},
		{"asset with its lot", "(01)10614141123459(10)L(8004)0614141A", "urn:epc:id:giai:0614141.A"},
		{"place, if nothing else", "(414)0614141123452(254)400(99)A", "urn:epc:id:sgln:0614141.12345.400"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			es := elementsOf(t, tt.elements)
			for range es {
				e, err := es.EPC(known)
				if err != nil || e.String() != tt.want {
					t.Errorf("EPC of %v is %s (%v), want %s", es, e, err, tt.want)
				}
				es = append(es[1:len(es):len(es)], es[0]) // whatever their order
			}
		})
	}
}
