package seriald_test

import (
	"regexp"
	"testing"

	"github.com/machshop/seriald"
)

func rule(t *testing.T, pattern string) *regexp.Regexp {
	t.Helper()
	re, err := seriald.CompileRule(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return re
}

func TestNumberRule(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		rule    seriald.NumberRule
		number  string
		refusal string // a text in it; "" if the number is taken
	}{
		"no rule":                                     {seriald.NumberRule{}, "Würfel 3/é", ""},
		"as short as can be":                          {seriald.NumberRule{MinLength: 3}, "abc", ""},
		"too short":                                   {seriald.NumberRule{MinLength: 3}, "ab", `"ab" has 2 characters; the part asks for at least 3`},
		"as long as can be":                           {seriald.NumberRule{MaxLength: 3}, "abc", ""},
		"characters are counted":                      {seriald.NumberRule{MaxLength: 3}, "éßΩ", ""},
		"too long":                                    {seriald.NumberRule{MaxLength: 3}, "éßΩx", `has 4 characters; the part allows 3`},
		"digits":                                      {seriald.NumberRule{Charset: seriald.CharsetNumeric}, "0123456789", ""},
		"a letter among digits":                       {seriald.NumberRule{Charset: seriald.CharsetNumeric}, "01A3", `contains 'A'; the part allows numeric characters only`},
		"a digit of another script":                   {seriald.NumberRule{Charset: seriald.CharsetNumeric}, "12٣", "contains '٣'"},
		"letters and digits":                          {seriald.NumberRule{Charset: seriald.CharsetAlphanumeric}, "aZ09", ""},
		"a hyphen among them":                         {seriald.NumberRule{Charset: seriald.CharsetAlphanumeric}, "aZ-09", "contains '-'"},
		"an umlaut among them":                        {seriald.NumberRule{Charset: seriald.CharsetAlphanumeric}, "aü", "contains 'ü'"},
		"any character":                               {seriald.NumberRule{Charset: seriald.CharsetAny}, "a-ü 9", ""},
		"the pattern matches":                         {seriald.NumberRule{Pattern: rule(t, `[A-Z]{2}\d+`)}, "AB12", ""},
		"the pattern matches a part":                  {seriald.NumberRule{Pattern: rule(t, `[A-Z]{2}\d+`)}, "xAB12", `does not match the part's rule`},
		"the pattern matches the start":               {seriald.NumberRule{Pattern: rule(t, `[A-Z]{2}\d+`)}, "AB12x", `does not match`},
		"the pattern's alternatives":                  {seriald.NumberRule{Pattern: rule(t, `A1|B2`)}, "A1", ""},
		"the pattern's alternatives, a longer number": {seriald.NumberRule{Pattern: rule(t, `A1|B2`)}, "A1B2", "does not match"},
		"the pattern with flags":                      {seriald.NumberRule{Pattern: rule(t, `(?i)ab`)}, "aB", ""},
		"the pattern with (?m) and two lines":         {seriald.NumberRule{Pattern: rule(t, `(?m)ab`)}, "ab\nab", "control character U+000A"},
		"a group separator":                           {seriald.NumberRule{}, "10\x1d21", "control character U+001D"},
		"a NUL":                                       {seriald.NumberRule{}, "1\x00", "control character U+0000"},
		"a DEL":                                       {seriald.NumberRule{}, "1\x7f", "control character U+007F"},
		"a control character of Latin-1":              {seriald.NumberRule{}, "1\u00852", "control character U+0085"},
		"its last":                                    {seriald.NumberRule{}, "1\u009f", "control character U+009F"},
		"the no-break space is none":                  {seriald.NumberRule{}, "1\u00a02", ""},
		"all together":                                {seriald.NumberRule{MinLength: 2, MaxLength: 4, Charset: seriald.CharsetNumeric, Pattern: rule(t, `1.*`)}, "123", ""},
		"the case rule is for comparing":              {seriald.NumberRule{Fold: true, Pattern: rule(t, `[A-Z]+`)}, "ab", "does not match"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := tc.rule.Check("vendorSerialNumber", tc.number)
			if tc.refusal == "" {
				if err != nil {
					t.Errorf("got %v, want %q to be taken", err, tc.number)
				}
				return
			}
			if err == nil {
				t.Fatalf("%q is taken", tc.number)
			}
			wantRejection(t, err, seriald.CodeFormatMismatch, "vendorSerialNumber", tc.refusal)
		})
	}
}

func TestCompileRule(t *testing.T) {
	t.Parallel()
	if got, err := seriald.CompileRule(""); got != nil || err != nil {
		t.Errorf("got %v, %v, want nil, which matches all", got, err)
	}
	for name, pattern := range map[string]string{
		"an open bracket":            `[A-Z`,
		"an open parenthesis":        `(A`,
		"RE2 has no lookahead":       `(?=A)B`,
		"RE2 has no back-references": `(A)\1`,
		"a backslash at the end":     `A\`,
		// Between the anchors this would be "^A" or "B$".
		"parentheses that close and open": `A)|(?:B`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, err := seriald.CompileRule(pattern); err == nil {
				t.Errorf("got %v, want an error", got)
			}
		})
	}
}

// FuzzCompileRule holds that a rule is matched against whole numbers: it takes
// those of which the pattern itself matches all.
func FuzzCompileRule(f *testing.F) {
	f.Add(`[A-Z]{2}\d+`, "AB12")
	f.Add(`A)|(?:B`, "Ax")
	f.Add(`A|AB`, "AB")
	f.Add(`\QA|`, "A|")
	f.Add(`(?m)^a$`, "a\na")
	f.Add(`(?U)a+`, "aaa")
	f.Fuzz(func(t *testing.T, pattern, number string) {
		re, err := seriald.CompileRule(pattern)
		if err != nil || re == nil {
			return
		}
		plain, err := regexp.Compile(pattern)
		if err != nil {
			t.Fatalf("%q is a rule and no pattern: %v", pattern, err)
		}
		plain.Longest()
		match := plain.FindStringIndex(number)
		want := match != nil && match[0] == 0 && match[1] == len(number)
		if got := re.MatchString(number); got != want {
			t.Errorf("%q takes %q: got %t, want %t: %q matches %v of it", re, number, got, want, pattern, match)
		}
	})
}
