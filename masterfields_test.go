package seriald_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/machshop/seriald"
)

func siteOf(data string) (*seriald.Site, error) {
	e := seriald.Event{Type: seriald.TypeSitePut, Data: json.RawMessage(data)}
	return e.SitePut()
}

func partOf(data string) (*seriald.Part, error) {
	e := seriald.Event{Type: seriald.TypePartPut, Data: json.RawMessage(data)}
	return e.PartPut()
}

var (
	sameZone    = cmp.Comparer(func(a, b *time.Location) bool { return a.String() == b.String() })
	samePattern = cmp.Comparer(func(a, b *regexp.Regexp) bool {
		return (a == nil) == (b == nil) && (a == nil || a.String() == b.String())
	})
)

func TestSitePutTakes(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		data string
		want seriald.Site
	}{
		"what it needs":         {`{"siteId":"plant-1_A"}`, seriald.Site{ID: "plant-1_A", Name: "plant-1_A", Location: time.UTC}},
		"all":                   {`{"siteId":"p","name":"Werk Köln","timeZone":"Europe/Berlin"}`, seriald.Site{ID: "p", Name: "Werk Köln", Location: location(t, "Europe/Berlin")}},
		"empty for the default": {`{"siteId":"p","name":"","timeZone":""}`, seriald.Site{ID: "p", Name: "p", Location: time.UTC}},
		"an id of 64":           {`{"siteId":"` + strings.Repeat("x", 64) + `","name":"n"}`, seriald.Site{ID: strings.Repeat("x", 64), Name: "n", Location: time.UTC}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := siteOf(tc.data)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(&tc.want, got, sameZone); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			again, err := siteOf(string(encode(t, got)))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(got, again, sameZone); diff != "" {
				t.Errorf("as it is written (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSitePutRefuses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ data, field, text string }{
		"no id":                 {`{}`, "siteId", `"" must be 1 to 64 letters`},
		"an id with a dot":      {`{"siteId":"plant.1"}`, "siteId", "it stands in topics"},
		"an id with a wildcard": {`{"siteId":"+"}`, "siteId", "letters, digits, - or _"},
		"an id of 65":           {`{"siteId":"` + strings.Repeat("x", 65) + `"}`, "siteId", "1 to 64"},
		"an id that is none":    {`{"siteId":1}`, "siteId", "must be a string"},
		"a name of 201 bytes":   {`{"siteId":"p","name":"` + strings.Repeat("x", 201) + `"}`, "name", "longer than 200 bytes"},
		"a zone that is none":   {`{"siteId":"p","timeZone":"Europe/Atlantis"}`, "timeZone", `"Europe/Atlantis" is not the IANA name`},
		"the machine's zone":    {`{"siteId":"p","timeZone":"Local"}`, "timeZone", "is not the IANA name"},
		"a path for a zone":     {`{"siteId":"p","timeZone":"../../etc/passwd"}`, "timeZone", "is not the IANA name"},
		"an offset for a zone":  {`{"siteId":"p","timeZone":"+02:00"}`, "timeZone", "is not the IANA name"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := siteOf(tc.data)
			if err == nil {
				t.Fatalf("got %+v", got)
			}
			wantRejection(t, err, seriald.CodeValidation, tc.field, tc.text)
		})
	}
}

func TestPartPutTakes(t *testing.T) {
	t.Parallel()
	site, family, enterprise, vendor := seriald.ScopeSite, seriald.ScopePartType, seriald.ScopeEnterprise, seriald.ScopeVendor
	plain := seriald.Part{
		ID: "P 1", Name: "P 1", Type: "P 1", UniquenessScopes: []seriald.Scope{site, family}, VendorScopes: []seriald.Scope{vendor},
		Rule: seriald.NumberRule{Charset: seriald.CharsetAny},
	}
	for name, tc := range map[string]struct {
		data string
		want seriald.Part
	}{
		"what it needs":              {`{"partId":"P 1"}`, plain},
		"empty for the default":      {`{"partId":"P 1","name":"","partType":"","gtin":"","formatConfigId":"","numberRule":{}}`, plain},
		"a rule that is null":        {`{"partId":"P 1","numberRule":null}`, plain},
		"scopes that are null":       {`{"partId":"P 1","uniquenessScopes":null,"vendorScopes":null}`, plain},
		"a rule that says the usual": {`{"partId":"P 1","numberRule":{"charset":"any","case":"exact","pattern":""}}`, plain},
		"all": {
			`{"partId":"P","name":"Gear","partType":"DRIVE","gtin":"9506000134352","formatConfigId":"F","uniquenessScopes":["ENTERPRISE"],
				"vendorScopes":["SITE","VENDOR"],"numberRule":{"minLength":2,"maxLength":200,"pattern":"[A-Z]+\\d|x","charset":"alphanumeric","case":"fold"}}`,
			seriald.Part{
				ID: "P", Name: "Gear", Type: "DRIVE", GTIN: "09506000134352", DefaultFormat: "F", UniquenessScopes: []seriald.Scope{enterprise},
				VendorScopes: []seriald.Scope{site, vendor},
				Rule:         seriald.NumberRule{MinLength: 2, MaxLength: 200, Pattern: rule(t, `[A-Z]+\d|x`), Charset: seriald.CharsetAlphanumeric, Fold: true},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := partOf(tc.data)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(&tc.want, got, samePattern); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestPartPutRefuses(t *testing.T) {
	t.Parallel()
	const begin = `{"partId":"P",`
	long := strings.Repeat("x", 201)
	for name, tc := range map[string]struct{ data, field, text string }{
		"a name of 201 bytes":             {begin + `"name":"` + long + `"}`, "name", "longer than 200 bytes"},
		"a family of 201 bytes":           {begin + `"partType":"` + long + `"}`, "partType", "longer than 200 bytes"},
		"a family with a separator":       {begin + `"partType":"a\u001f"}`, "partType", "unit separator"},
		"a format of 201 bytes":           {begin + `"formatConfigId":"` + long + `"}`, "formatConfigId", "longer than 200 bytes"},
		"a GTIN of 11 digits":             {begin + `"gtin":"61414100003"}`, "gtin", "8, 12, 13 or 14 digits"},
		"a GTIN that is a number":         {begin + `"gtin":9506000134352}`, "gtin", "must be a string"},
		"no scope":                        {begin + `"uniquenessScopes":[]}`, "uniquenessScopes", "must name a scope"},
		"a scope that is none":            {begin + `"uniquenessScopes":["SITE","LINE"]}`, "uniquenessScopes", `"LINE" must be one of`},
		"a scope that is null":            {begin + `"uniquenessScopes":[null]}`, "uniquenessScopes", `"" must be one of`},
		"a vendor's scope for ours":       {begin + `"uniquenessScopes":["VENDOR"]}`, "uniquenessScopes", `"VENDOR" must be one of`},
		"a scope twice":                   {begin + `"uniquenessScopes":["SITE","SITE"]}`, "uniquenessScopes", "SITE is there twice"},
		"scopes that are a text":          {begin + `"uniquenessScopes":"SITE"}`, "uniquenessScopes", "must be an array of strings, not string"},
		"no scope for vendors":            {begin + `"vendorScopes":[]}`, "vendorScopes", "must name a scope"},
		"a vendor's scope that is none":   {begin + `"vendorScopes":["site"]}`, "vendorScopes", `"site" must be one of`},
		"a length below 0":                {begin + `"numberRule":{"minLength":-1}}`, "numberRule", "must be from 0, which is no bound, to 200"},
		"a length beyond":                 {begin + `"numberRule":{"maxLength":201}}`, "numberRule", "to 200"},
		"lengths that no number has":      {begin + `"numberRule":{"minLength":5,"maxLength":4}}`, "numberRule", "minLength 5 is above maxLength 4"},
		"a charset that is none":          {begin + `"numberRule":{"charset":"hex"}}`, "numberRule", `any, numeric or alphanumeric, not "hex"`},
		"a case that is none":             {begin + `"numberRule":{"case":"upper"}}`, "numberRule", `exact or fold, not "upper"`},
		"a pattern that is none":          {begin + `"numberRule":{"pattern":"[A-Z"}}`, "numberRule", "missing closing ]"},
		"a pattern that leaves its place": {begin + `"numberRule":{"pattern":"A)|(?:B"}}`, "numberRule", "unexpected )"},
		"a pattern of 201 bytes":          {begin + `"numberRule":{"pattern":"` + long + `"}}`, "numberRule", "longer than 200 bytes"},
		"a rule that is a text":           {begin + `"numberRule":"\\d+"}`, "numberRule", "must be an object, not string"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := partOf(tc.data)
			if err == nil {
				t.Fatalf("got %+v", got)
			}
			wantRejection(t, err, seriald.CodeValidation, tc.field, tc.text)
		})
	}
}

// A part is written as part_put reads it.
func TestPartRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		text := rapid.StringMatching(`[A-Za-z0-9 é"\\<-]{1,20}`)
		scopes := func(label string, from ...seriald.Scope) []seriald.Scope {
			return rapid.SliceOfNDistinct(rapid.SampledFrom(from), 1, -1, rapid.ID).Draw(rt, label)
		}
		want := &seriald.Part{
			ID: text.Draw(rt, "id"), Name: text.Draw(rt, "name"), Type: text.Draw(rt, "type"),
			GTIN:             rapid.SampledFrom([]string{"", "09506000134352"}).Draw(rt, "GTIN"),
			DefaultFormat:    rapid.OneOf(rapid.Just(""), text).Draw(rt, "format"),
			UniquenessScopes: scopes("ours", seriald.ScopeSite, seriald.ScopePartType, seriald.ScopeEnterprise),
			VendorScopes:     scopes("vendors'", seriald.ScopeSite, seriald.ScopePartType, seriald.ScopeEnterprise, seriald.ScopeVendor),
			Rule: seriald.NumberRule{
				MinLength: rapid.IntRange(0, 100).Draw(rt, "min"), MaxLength: rapid.SampledFrom([]int{0, 100, 200}).Draw(rt, "max"),
				Charset: rapid.SampledFrom([]seriald.Charset{seriald.CharsetAny, seriald.CharsetNumeric, seriald.CharsetAlphanumeric}).Draw(rt, "charset"),
				Pattern: rule(t, rapid.SampledFrom([]string{"", `\d+`, `a|b`, `(?i)x`, `^(?:a)$`}).Draw(rt, "pattern")), Fold: rapid.Bool().Draw(rt, "fold"),
			},
		}
		written := encode(t, want)
		got, err := partOf(string(written))
		if err != nil {
			rt.Fatalf("%s: %v", written, err)
		}
		if diff := cmp.Diff(want, got, samePattern); diff != "" {
			rt.Fatalf("%s (-want +got):\n%s", written, diff)
		}
	})
}
