package gs1

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// fails checks that err is an *Error of a rule at a place, with a text in it.
func fails(t *testing.T, err error, id string, position int, rule Rule) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Errorf("error %v, want (%s) at %d: %s", err, id, position, rule)
		return
	}
	if e.ID != id || e.Position != position || e.Rule != rule {
		t.Errorf("(%s) at %d: %s (%v), want (%s) at %d: %s", e.ID, e.Position, e.Rule, e, id, position, rule)
	}
}

func TestParseElementString(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		data string
		want Elements
	}{
		"predefined only":         {"010950600013435217250930", Elements{{AI: "01", Value: "09506000134352"}, {AI: "17", Value: "250930"}}},
		"variable at the end":     {"010950600013435210ABC", Elements{{AI: "01", Value: "09506000134352"}, {AI: "10", Value: "ABC"}}},
		"separated":               {"10ABC\x1d010950600013435221S-1", Elements{{AI: "10", Value: "ABC"}, {AI: "01", Value: "09506000134352"}, {AI: "21", Value: "S-1"}}},
		"FNC1 where none must be": {"0109506000134352\x1d10ABC", Elements{{AI: "01", Value: "09506000134352"}, {AI: "10", Value: "ABC"}}},
		"FNC1 at the end":         {"10ABC\x1d", Elements{{AI: "10", Value: "ABC"}}},
		"three digits":            {"2401234\x1d30100", Elements{{AI: "240", Value: "1234"}, {AI: "30", Value: "100"}}},
		"four digits":             {"3103001750", Elements{{AI: "3103", Value: "001750"}}},
		"looks like more":         {"21ABC10LOT", Elements{{AI: "21", Value: "ABC10LOT"}}},
		"the same again":          {"10ABC\x1d10ABC", Elements{{AI: "10", Value: "ABC"}}},
		"optional part there":     {"8003095060001343521234", Elements{{AI: "8003", Value: "095060001343521234"}}},
		"optional part not there": {"800309506000134352", Elements{{AI: "8003", Value: "09506000134352"}}},
		"all of set 82":           {`90!"%&'()*+,-./:;<=>?_azAZ09`, Elements{{AI: "90", Value: `!"%&'()*+,-./:;<=>?_azAZ09`}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := ParseElementString(c.data)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestParseElementStringSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		data     string
		id       string
		position int
		rule     Rule
	}{
		"nothing":                     {"", "", 1, RuleEmpty},
		"no AI":                       {"XYZ", "", 1, RuleUnknownAI},
		"an AI that is none":          {"0109506000134352" + "05123", "", 17, RuleUnknownAI},
		"half an AI":                  {"3", "", 1, RuleUnknownAI},
		"FNC1 in front":               {"\x1d0109506000134352", "", 1, RuleSeparator},
		"two FNC1":                    {"10A\x1d\x1d21B", "", 5, RuleSeparator},
		"no value":                    {"10", "10", 3, RuleLength},
		"empty between FNC1":          {"10\x1d21B", "10", 3, RuleLength},
		"too short":                   {"01095060001343", "01", 3, RuleLength},
		"cut by FNC1":                 {"010950600\x1d0134352", "01", 3, RuleLength},
		"FNC1 missing":                {"10ABCDEFGHIJKLMNOPQRS21B", "10", 23, RuleSeparator},
		"FNC1 missing after a length": {"4228261012", "422", 7, RuleSeparator},
		"check digit":                 {"0109506000134353", "01", 16, "csum"},
		"a letter":                    {"0109506O00134352", "01", 8, RuleCharacter},
		"not of set 82":               {"10AB~C", "10", 5, RuleCharacter},
		"a byte of UTF-8":             {"10AB\u00e4", "10", 5, RuleCharacter},
		"date":                        {"17251330", "17", 5, "yymmd0"},
		"the second component":        {"8006095060001343520301", "8006", 19, "pieceoftotal"},
		"another value":               {"10A\x1d10B", "10", 7, RuleRepeat},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := ParseElementString(c.data)
			fails(t, err, c.id, c.position, c.rule)
		})
	}
}

func TestForms(t *testing.T) {
	t.Parallel()
	es := Elements{{AI: "01", Value: "09506000134352"}, {AI: "10", Value: "A(B"}, {AI: "21", Value: "S"}, {AI: "17", Value: "250930"}}
	forms := func(es Elements) [3]string {
		a, _ := es.ElementString()
		b, _ := es.Caret()
		c, _ := es.Bracketed()
		return [3]string{a, b, c}
	}
	want := [3]string{
		"010950600013435210A(B\x1d21S\x1d17250930",
		"^010950600013435210A(B^21S^17250930",
		`(01)09506000134352(10)A\(B(21)S(17)250930`,
	}
	if diff := cmp.Diff(want, forms(es)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	for _, none := range []Elements{nil, {{DI: "P", Value: "1"}}} {
		if got := forms(none); got != [3]string{} {
			t.Errorf("%v has forms %q", none, got)
		}
	}
}

func TestBracketed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text     string
		want     Elements
		warnings int
	}{
		"plain":         {"(01)09506000134352(21)S", Elements{{AI: "01", Value: "09506000134352"}, {AI: "21", Value: "S"}}, 0},
		"escaped":       {`(10)A\(01\)B(21)S`, Elements{{AI: "10", Value: "A(01)B"}, {AI: "21", Value: "S"}}, 0},
		"GTIN-13":       {"(01)9506000134352", Elements{{AI: "01", Value: "09506000134352"}}, 1},
		"GTIN-12":       {"(01)614141000036", Elements{{AI: "01", Value: "00614141000036"}}, 1},
		"GTIN-8":        {"(02)95050003(37)5", Elements{{AI: "02", Value: "00000095050003"}, {AI: "37", Value: "5"}}, 1},
		"right bracket": {"(10)A)B", Elements{{AI: "10", Value: "A)B"}}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, warnings, err := ParseBracketed(c.text)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if len(warnings) != c.warnings {
				t.Errorf("warnings %q", warnings)
			}
		})
	}
	for name, c := range map[string]struct {
		text     string
		id       string
		position int
		rule     Rule
	}{
		"nothing":              {"", "", 1, RuleEmpty},
		"no bracket":           {"01", "", 1, RuleSyntax},
		"an open bracket":      {"(10)A(B", "", 6, RuleSyntax},
		"an unknown AI":        {"(01)09506000134352(05)1", "", 19, RuleUnknownAI},
		"an escape of none":    {`(10)A\nB`, "", 6, RuleSyntax},
		"an escape at the end": {`(10)A\`, "", 6, RuleSyntax},
		"no value":             {"(10)(21)A", "10", 5, RuleLength},
		"a wrong value":        {"(21)A(01)09506000134353", "01", 23, "csum"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, err := ParseBracketed(c.text)
			fails(t, err, c.id, c.position, c.rule)
		})
	}
}

func TestAssociations(t *testing.T) {
	t.Parallel()
	for text, rule := range map[string]Rule{
		"(01)09506000134352(21)S": "",
		"(21)S":                   RuleRequired,
		"(01)09506000134352(37)5": RuleExcluded,
		"(02)09506000134352":      RuleRequired,
		"(02)09506000134352(37)5": RuleRequired, // a count needs the logistic unit
		"(00)095060001343520000(02)09506000134352(37)5": "",
		"(01)09506000134352(3100)000001(3101)000001":    RuleExcluded,
		"(01)09506000134352(3100)000001(3110)000001":    "",
		"(01)09506000134352(250)X":                      RuleRequired, // with the serial it is second to
		"(01)09506000134352(250)X(21)S":                 "",
		"(01)09506000134352(3920)100":                   RuleRequired,
		"(01)09506000134352(3920)100(3103)001000":       "",
		"(90)anything":                    "",
		"(01)09506000134352(235)TPX(21)S": RuleExcluded,
	} {
		es, _, err := ParseBracketed(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		err = es.CheckAssociations()
		var e *Error
		switch {
		case rule == "" && err != nil:
			t.Errorf("%s: %v", text, err)
		case rule != "" && (!errors.As(err, &e) || e.Rule != rule):
			t.Errorf("%s: %v, want %s", text, err, rule)
		}
	}
}
