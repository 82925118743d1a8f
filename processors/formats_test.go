package processors

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/store"
)

// configured is the catalog with a part for each case, and its formats in use.
func configured(t *testing.T) *state {
	t.Helper()
	c := testCatalog(t, &seriald.Trigger{ID: trigger1, PartID: "PLAIN", FormatID: "tens"}).Catalog
	c.Parts["OTHER"] = &seriald.Part{ID: "OTHER", Type: "GADGET", UniquenessScopes: []seriald.Scope{seriald.ScopePartType}}
	c.Parts["FOLDED"] = &seriald.Part{
		ID: "FOLDED", Type: "GADGET", DefaultFormat: "folded", UniquenessScopes: []seriald.Scope{seriald.ScopePartType}, Rule: seriald.NumberRule{Fold: true},
	}
	c.Formats["folded"] = &seriald.Format{ID: "folded", Active: true, Version: 1, Pattern: "f{SEQ:4}", Start: 1, Increment: 1, Reset: seriald.ResetNever, CounterScope: seriald.CounterPerFormat}
	c.Formats["off"] = &seriald.Format{ID: "off", Version: 1, Pattern: "OFF{SEQ:4}", Start: 1, Increment: 1, Reset: seriald.ResetNever, CounterScope: seriald.CounterPerFormat}
	compiled, _ := compile(c) // "broken" is meant to be
	return newState(compiled)
}

func TestPutFormat(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		data    string
		code    seriald.Code // "" if it is taken
		field   string
		message string // in the refusal, or of a warning
	}{
		"a new one":                    {`"new","pattern":"N-{SEQ:8}"`, "", "", ""},
		"one with a warning":           {`"new","pattern":"N-{SEQ:8}{CHECK:luhn}"`, "", "", `position 10: luhn does not cover "N-"`},
		"an unchanged one":             {`"daily","pattern":"D{MM}{DD}-{SEQ:3}","reset":"never"`, "", "", ""},
		"one that goes on":             {`"tens","pattern":"T{SEQ:4}"`, "", "", ""},
		"one that meets its past":      {`"tens","pattern":"T{SEQ:2:16}{SEQ:1}","counterStart":1`, "", "", "numbers such as T000 were made by the version before"},
		"one that does not parse":      {`"new","pattern":"N-{SEQ}"`, seriald.CodeValidation, "pattern", "position 3: {SEQ}: say how many characters"},
		"one that repeats each day":    {`"new","pattern":"N{YYYY}-{SEQ:8}","reset":"daily"`, seriald.CodeValidation, "pattern", "the counter starts again each day"},
		"two problems":                 {`"new","pattern":"N{YYYY}-{SEQ:2}","reset":"daily","counterStart":100`, seriald.CodeValidation, "pattern", "has no room for the counter's start, 100: it ends at 99; the counter starts again"},
		"a counter for each site":      {`"new","pattern":"N-{SEQ:8}","counterScope":"SITE"`, seriald.CodeValidation, "pattern", "add {SITE}"},
		"a counter for each part":      {`"new","pattern":"N-{SEQ:8}","counterScope":"PART"`, seriald.CodeValidation, "pattern", "add {PART}"},
		"one that meets another":       {`"new","pattern":"T{SEQ:3}"`, seriald.CodeValidation, "pattern", "format tens (T{SEQ:3}) makes the same numbers, such as T000"},
		"one that is off may meet":     {`"new","pattern":"T{SEQ:3}","active":false`, "", "", ""},
		"one that meets what is off":   {`"new","pattern":"OFF{SEQ:4}"`, "", "", ""},
		"of another family":            {`"new","pattern":"T{SEQ:3}","assignments":[{"partId":"OTHER"}]`, "", "", "{SEQ:3} has room for 999 numbers"},
		"of the same family":           {`"new","pattern":"T{SEQ:3}","assignments":[{"partType":"WIDGET"}]`, seriald.CodeValidation, "pattern", "format tens"},
		"in another case":              {`"new","pattern":"F{SEQ:4}","assignments":[{"partId":"OTHER"}]`, seriald.CodeValidation, "pattern", "format folded (f{SEQ:4})"},
		"of a part that is not there":  {`"new","pattern":"N{SEQ:8}","assignments":[{"partId":"GONE"}]`, seriald.CodePartNotFound, "assignments", `part "GONE" is not known`},
		"too long for the part's GTIN": {`"new","pattern":"N{SEQ:8}{RANDOM:12}","assignments":[{"partId":"MADE"}]`, seriald.CodeValidation, "pattern", "AI (21) has room for 20"},
		"with a text of the event":     {`"new","pattern":"{WO}/{SEQ:8}"`, "", "", "numbers can have 209 characters, and there is room for 200; one that is longer is refused"},
		"a field that is wrong":        {`"new","pattern":"N{SEQ:8}","reset":"hourly"`, seriald.CodeValidation, "reset", "hourly"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			st := configured(t)
			d := decideOne(t, newItem(seriald.TypeFormatPut, `{"formatConfigId":`+tc.data+`}`).atSite("unheard"), st)
			if d.outcome.Code != tc.code || d.outcome.Field != tc.field || !strings.Contains(d.outcome.Message, tc.message) {
				t.Fatalf("got %+v, want %s of %s with %q", d.outcome, tc.code, tc.field, tc.message)
			}
			if tc.code != "" {
				if len(d.master) > 0 {
					t.Errorf("%+v is changed", d.master)
				}
				wantRefusalAudit(t, st, d)
				return
			}
			change, _ := d.master[0].(*store.FormatChange)
			if len(d.master) != 1 || change.Deleted || len(d.audit) != 1 || d.audit[0].Type != seriald.AuditConfigChanged {
				t.Fatalf("changes %+v, audit %+v", d.master, d.audit)
			}
			before := st.catalog.Formats[change.Format.ID]
			if old := string(d.audit[0].OldValues); (before == nil) != (old == "") || before != nil && !strings.Contains(old, before.Pattern) {
				t.Errorf("old values %s of %+v", old, before)
			}
			if !strings.Contains(string(d.audit[0].NewValues), change.Format.Pattern) {
				t.Errorf("new values %s", d.audit[0].NewValues)
			}
		})
	}
}

func TestDeleteFormat(t *testing.T) {
	t.Parallel()
	for id, tc := range map[string]struct {
		code    seriald.Code
		message string
	}{
		"off":   {},
		"gone":  {seriald.CodeFormatNotFound, `format "gone" is not known`},
		"daily": {seriald.CodeInvalidState, "format daily is used by part MADE: give these another one first"},
		"tens":  {seriald.CodeInvalidState, "format tens is used by trigger " + trigger1.String() + " of part PLAIN"},
	} {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			st := configured(t)
			d := decideOne(t, newItem(seriald.TypeFormatDelete, `{"formatConfigId":"`+id+`"}`), st)
			if d.outcome.Code != tc.code || !strings.Contains(d.outcome.Message, tc.message) {
				t.Errorf("got %+v, want %s with %q", d.outcome, tc.code, tc.message)
			}
			if deleted := len(d.master) == 1 && d.master[0].(*store.FormatChange).Deleted; deleted != (tc.code == "") {
				t.Errorf("changes %+v", d.master)
			}
		})
	}
}

// Which format makes a part's numbers: the one that is asked for, then the
// assignment that wins now, then the part's default.
func TestFormatOfAPart(t *testing.T) {
	t.Parallel()
	const part, family = "MADE", "WIDGET"
	assigned := func(format string, priority int, change func(*seriald.FormatAssignment)) *seriald.FormatAssignment {
		a := &seriald.FormatAssignment{FormatID: format, PartID: part, Priority: priority}
		change(a)
		return a
	}
	of := func(*seriald.FormatAssignment) {}
	ofFamily := func(a *seriald.FormatAssignment) { a.PartID, a.PartType = "", family }
	for name, tc := range map[string]struct {
		asked       string
		assignments []*seriald.FormatAssignment // in the order in which they win
		want        string
		code        seriald.Code
	}{
		"the default":             {"", nil, "daily", ""},
		"the part's":              {"", []*seriald.FormatAssignment{assigned("tens", 1, of)}, "tens", ""},
		"the family's":            {"", []*seriald.FormatAssignment{assigned("tens", 1, ofFamily)}, "tens", ""},
		"another family's":        {"", []*seriald.FormatAssignment{assigned("tens", 1, func(a *seriald.FormatAssignment) { a.PartID, a.PartType = "", "BOLT" })}, "daily", ""},
		"the first":               {"", []*seriald.FormatAssignment{assigned("tens", 1, ofFamily), assigned("off", 2, of)}, "tens", ""},
		"not yet":                 {"", []*seriald.FormatAssignment{assigned("tens", 1, func(a *seriald.FormatAssignment) { a.ValidFrom = testNow.Add(time.Second) })}, "daily", ""},
		"just now":                {"", []*seriald.FormatAssignment{assigned("tens", 1, func(a *seriald.FormatAssignment) { a.ValidFrom = testNow })}, "tens", ""},
		"no more":                 {"", []*seriald.FormatAssignment{assigned("tens", 1, func(a *seriald.FormatAssignment) { a.ValidUntil = testNow })}, "daily", ""},
		"still":                   {"", []*seriald.FormatAssignment{assigned("tens", 1, func(a *seriald.FormatAssignment) { a.ValidUntil = testNow.Add(1) })}, "tens", ""},
		"the one that is asked":   {"daily", []*seriald.FormatAssignment{assigned("tens", 1, of)}, "daily", ""},
		"one that is off":         {"off", nil, "", seriald.CodeDisabled},
		"one that is not there":   {"gone", nil, "", seriald.CodeFormatNotFound},
		"assigned, but it is off": {"", []*seriald.FormatAssignment{assigned("off", 1, of)}, "", seriald.CodeDisabled},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := configured(t).catalog.Catalog
			c.Assignments = tc.assignments
			compiled, _ := compile(c)
			f, err := formatOf(tc.asked, c.Parts[part], newState(compiled))
			if tc.code != "" {
				if err == nil || asRejection(err).Code != tc.code {
					t.Errorf("got %+v, %v, want %s", f, err, tc.code)
				}
				return
			}
			if err != nil || f.ID != tc.want {
				t.Errorf("got %+v, %v, want %s", f, err, tc.want)
			}
		})
	}
}

// A change of the master data is by itself; what is behind it is another batch.
func TestChangesOfTheMasterDataAreInTurn(t *testing.T) {
	t.Parallel()
	put, generate := seriald.TypeFormatPut, seriald.TypeSerialGenerate
	for name, tc := range map[string]struct {
		types []seriald.EventType
		want  []int
	}{
		"none":           {[]seriald.EventType{generate, generate}, []int{2}},
		"one alone":      {[]seriald.EventType{put}, []int{1}},
		"in the middle":  {[]seriald.EventType{generate, generate, put, generate}, []int{2, 1, 1}},
		"at the edges":   {[]seriald.EventType{put, generate, seriald.TypeFormatDelete}, []int{1, 1, 1}},
		"several in row": {[]seriald.EventType{put, put, generate}, []int{1, 1, 1}},
		"nothing at all": {nil, nil},
	} {
		var items []*item
		for _, typ := range tc.types {
			items = append(items, newItem(typ, `{}`))
		}
		var got []int
		var all []*item
		for rest := items; len(rest) > 0; {
			var part []*item
			part, rest = inTurn(rest)
			got = append(got, len(part))
			all = append(all, part...)
		}
		if diff := cmp.Diff(tc.want, got); diff != "" || len(all) != len(items) {
			t.Errorf("%s: (-want +got)\n%s", name, diff)
		}
	}
}
