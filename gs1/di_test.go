package gs1

import (
	"errors"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestLookupDIKnowsTheDataIdentifiersOfMH10(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]DI{
		"P":   {"P", "Customer's part number", ""},
		"1P":  {"1P", "Supplier's part number", ""},
		"8P":  {"8P", "GTIN", ""},
		"S":   {"S", "Serial number", ""},
		"25S": {"25S", "Unique item identifier", ""},
		"97S": {"97S", "Encrypted serial number", ""},
		"1T":  {"1T", "Supplier's lot number", ""},
		"Q":   {"Q", "Quantity", ""},
		"4L":  {"4L", "Country of origin", ""},
		"9N":  {"9N", "Pharmacy product number (PPN)", ""},
		"J":   {"J", "Licence plate", ""},
		"D":   {"D", "Date", "YYMMDD"},
		"9D":  {"9D", "Date or date code, as agreed", ""},
		"10D": {"10D", "Week (date code)", "YYWW"},
		"14D": {"14D", "Expiry date", "YYYYMMDD"},
		"16D": {"16D", "Production date", "YYYYMMDD"},
		"28D": {"28D", "Harvest dates, first and last", "YYYYMMDDYYYYMMDD"},
		"11Z": {"11Z", "Structured free text, a line", ""},
		"99Z": {"99Z", "Structured free text, a line", ""},
	} {
		if got, ok := LookupDI(code); !ok || got != want {
			t.Errorf("LookupDI(%q) = %v, %v, want %v", code, got, ok, want)
		}
	}
}

func TestLookupDIKnowsNothingElse(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"", "1", "p", "1p", "P1", "01P", "0P", "PP", "99P", "999P", "1234P", "2T", "10E4", "A", "1A", "G", "O", "Y", "100Z", "É", "1É"} {
		if got, ok := LookupDI(code); ok || got != (DI{}) {
			t.Errorf("LookupDI(%q) = %v, %v, want none", code, got, ok)
		}
	}
}

func TestTableOfDataIdentifiersIsWhole(t *testing.T) {
	t.Parallel()
	listed := 0
	for letter := 'A'; letter <= 'Z'; letter++ {
		for number := range 1000 {
			code := string(letter)
			if number > 0 {
				code = strconv.Itoa(number) + code
			}
			di, ok := LookupDI(code)
			if !ok {
				continue
			}
			listed++
			if di.Code != code || di.Title == "" || len(di.Title) > 60 || di.Title != titleOfDI(code) || letter != 'D' && di.DateFormat != "" {
				t.Errorf("LookupDI(%q) = %+v", code, di)
			}
		}
	}
	if listed < 450 {
		t.Errorf("%d data identifiers are listed", listed)
	}
}

func TestLeadingDIIsUpToThreeDigitsAndACapital(t *testing.T) {
	t.Parallel()
	for item, want := range map[string]string{
		"PABC": "P", "1PABC-123": "1P", "30P1": "30P", "Q100": "Q", "123X": "123X", "SS1": "S", "99YZ": "99Y",
		"": "", "1": "", "123": "", "1234P": "", "1p": "", "p": "", " P": "", "-1P": "", "ÄP": "",
	} {
		if got, ok := leadingDI(item); got != want || ok != (want != "") {
			t.Errorf("leadingDI(%q) = %q, %v, want %q", item, got, ok, want)
		}
	}
}

func TestParseDIReadsOneBarCode(t *testing.T) {
	t.Parallel()
	for item, want := range map[string]Element{
		"1PABC-123":                   {DI: "1P", Value: "ABC-123"},
		"Q100":                        {DI: "Q", Value: "100"},
		"4LCN":                        {DI: "4L", Value: "CN"},
		"K12432 TRAVIS FOSS P":        {DI: "K", Value: "12432 TRAVIS FOSS P"},
		"999X a+b":                    {DI: "999X", Value: " a+b"},
		"3ZWiderstand 4,7 kΩ ±1 %":    {DI: "3Z", Value: "Widerstand 4,7 kΩ ±1 %"},
		"25SUN123456789RGM0000000123": {DI: "25S", Value: "UN123456789RGM0000000123"},
		"9N111234567842":              {DI: "9N", Value: "111234567842"},   // IFA
		"9N110375286414":              {DI: "9N", Value: "110375286414"},   // securPharm
		"8P08701234567896":            {DI: "8P", Value: "08701234567896"}, // securPharm
		"8P4006381333931":             {DI: "8P", Value: "4006381333931"},  // no GTIN-14, and not judged
		"8S340123450000000000":        {DI: "8S", Value: "340123450000000000"},
		"DC26055":                     {DI: "D", Value: "C26055"}, // no date, as some labels have it
	} {
		var es Elements
		if err := parseDI(item, 1, &es); err != nil {
			t.Errorf("parseDI(%q): %v", item, err)
		} else if diff := cmp.Diff(Elements{want}, es); diff != "" {
			t.Errorf("parseDI(%q): %s", item, diff)
		}
	}
}

func TestParseDISaysWhatIsWrongAndWhere(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		item string
		want Error
	}{
		{"", Error{Position: 5, Rule: RuleEmpty, Detail: "no data identifier and no value"}},
		{"P", Error{ID: "P", Position: 6, Rule: RuleLength, Detail: "has no value"}},
		{"30P", Error{ID: "30P", Position: 8, Rule: RuleLength, Detail: "has no value"}},
		{"1pABC", Error{Position: 5, Rule: RuleUnknownDI, Detail: `"1p" is no data identifier: its letter must be a capital`}},
		{"12", Error{Position: 5, Rule: RuleUnknownDI, Detail: `no data identifier begins with "12": must be up to three digits and a capital letter, like 1P`}},
		{"*ABCDE", Error{Position: 5, Rule: RuleUnknownDI, Detail: `no data identifier begins with "*ABC…": must be up to three digits and a capital letter, like 1P`}},
		{"1PA\tB", Error{ID: "1P", Position: 8, Rule: RuleCharacter, Detail: `'\t' is not printable`}},
		{"1PA\x7f", Error{ID: "1P", Position: 8, Rule: RuleCharacter, Detail: `'\x7f' is not printable`}},
		{"3ZkΩ\u200b", Error{ID: "3Z", Position: 10, Rule: RuleCharacter, Detail: `'\u200b' is not printable`}},
		{"3Z4 k\xb5", Error{ID: "3Z", Position: 10, Rule: RuleCharacter, Detail: "byte 0xB5 is not UTF-8: make the reader send UTF-8"}},
		{"9N111234567843", Error{ID: "9N", Position: 17, Rule: "csum", Detail: "check digits are 43, must be 42"}},
		{"9N11a234567842", Error{ID: "9N", Position: 9, Rule: RuleCharacter, Detail: "'a' must be a digit or a capital letter, a digit if it is one of the last two"}},
		{"9N11123456784A", Error{ID: "9N", Position: 18, Rule: RuleCharacter, Detail: "'A' must be a digit or a capital letter, a digit if it is one of the last two"}},
		{"9N1142", Error{ID: "9N", Position: 7, Rule: RuleLength, Detail: "has 4 characters, must have 5 to 22"}},
	} {
		var es Elements
		var got *Error
		if err := parseDI(c.item, 5, &es); !errors.As(err, &got) {
			t.Errorf("parseDI(%q) = %v", c.item, err)
		} else if diff := cmp.Diff(&c.want, got); diff != "" {
			t.Errorf("parseDI(%q): %s", c.item, diff)
		}
		if len(es) > 0 {
			t.Errorf("parseDI(%q) appended %v", c.item, es)
		}
	}
}

func TestParseDIJudgesCheckDigitsOfGS1Keys(t *testing.T) {
	t.Parallel()
	for _, item := range []string{"8P08701234567897", "8S340123450000000001"} {
		var es Elements
		var got *Error
		if err := parseDI(item, 1, &es); !errors.As(err, &got) || got.Rule != "csum" || got.Position != len(item) {
			t.Errorf("parseDI(%q) = %v, want csum at its last byte", item, err)
		}
	}
}

func TestParseDIKeepsListsAndPassesOverWhatIsThere(t *testing.T) {
	t.Parallel()
	var es Elements
	for _, item := range []string{"S1", "S2", "S1", "1P1", "S3", "1P1"} {
		if err := parseDI(item, 1, &es); err != nil {
			t.Fatal(err)
		}
	}
	want := Elements{{DI: "S", Value: "1"}, {DI: "S", Value: "2"}, {DI: "1P", Value: "1"}, {DI: "S", Value: "3"}}
	if diff := cmp.Diff(want, es); diff != "" {
		t.Error(diff)
	}
}

// A wrong character or two neighbours swapped are what keying and misprints do.
func TestPPNCheckDigitsFindOneWrongCharacter(t *testing.T) {
	t.Parallel()
	const chars = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	rapid.Check(t, func(t *rapid.T) {
		body := []byte(rapid.StringOfN(rapid.RuneFrom([]rune(chars)), 3, 20, -1).Draw(t, "body"))
		sum := 0
		for i, c := range body {
			sum += (i + 2) * int(c)
		}
		sum %= 97
		ppn := append(body, byte('0'+sum/10), byte('0'+sum%10))
		if err := checkDI("9N", string(ppn), 1); err != nil {
			t.Fatalf("%s: %v", ppn, err)
		}
		i := rapid.IntRange(0, len(body)-1).Draw(t, "place")
		c := chars[rapid.IntRange(0, len(chars)-1).Draw(t, "character")]
		if c == ppn[i] {
			return
		}
		ppn[i] = c
		if checkDI("9N", string(ppn), 1) == nil {
			t.Fatalf("%s is accepted", ppn)
		}
	})
}
