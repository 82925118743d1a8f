package seriald_test

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/machshop/seriald"
)

func conflicts() *rapid.Generator[*seriald.Conflict] {
	return rapid.Custom(func(t *rapid.T) *seriald.Conflict {
		scopes := rapid.SliceOfN(rapid.SampledFrom(seriald.Scopes()), 0, 4)
		return &seriald.Conflict{
			SerialNumber: words().Draw(t, "number"), HolderID: ids().Draw(t, "holder"), HolderPartID: words().Draw(t, "holder's part"),
			Scopes: append([]seriald.Scope{}, scopes.Draw(t, "scopes")...), ConflictID: ids().Draw(t, "conflict"),
			Resolution: rapid.SampledFrom([]seriald.Resolution{"", seriald.ResolveKeep, seriald.ResolveRetire, seriald.ResolveInvalid}).Draw(t, "resolution"),
		}
	})
}

// What is encoded by hand has the names and values that encoding/json gives it.
func TestConflictIsEncodedAsItsTagsSay(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := conflicts().Draw(t, "conflict")
		var got struct{ Conflict map[string]any }
		encoded := (&seriald.Outcome{EventID: "e", Conflict: c}).Encode()
		if err := json.Unmarshal(encoded, &got); err != nil {
			t.Fatalf("%s: %v", encoded, err)
		}
		var want map[string]any
		tagged, err := json.Marshal(c)
		if err == nil {
			err = json.Unmarshal(tagged, &want)
		}
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got.Conflict); diff != "" {
			t.Fatalf("%s (-want +got):\n%s", encoded, diff)
		}
	})
}

func TestFieldsOfRegistrationsAndResolutions(t *testing.T) {
	t.Parallel()
	id := serial1.String()
	for name, tc := range map[string]struct {
		typ  seriald.EventType
		data string
		want seriald.Fields
	}{
		"a registration": {
			seriald.TypeUniquenessRegister, `{"serialNumber":" S ","gtin":"9506000134352","scope":["SITE","PART_TYPE","ENTERPRISE","VENDOR"],"vendorName":"ACME","siteId":"plant2"}`,
			seriald.Fields{
				SerialNumber: " S ", GTIN: "09506000134352", Scopes: seriald.Scopes(), VendorName: "ACME", SiteID: "plant2",
			},
		},
		"a registration in no scope of its own": {
			seriald.TypeUniquenessRegister, `{"serialNumber":"S","partId":"P","scope":[]}`, seriald.Fields{SerialNumber: "S", PartID: "P", Scopes: []seriald.Scope{}},
		},
		"a resolution by the number": {
			seriald.TypeConflictResolve, `{"serialNumber":"S","gtin":"95050003","conflictResolution":"MARK_INVALID","resolutionReason":"both"}`,
			seriald.Fields{SerialNumber: "S", GTIN: "00000095050003", ConflictResolution: seriald.ResolveInvalid, ResolutionReason: "both"},
		},
		"a resolution by its id": {
			seriald.TypeConflictResolve, `{"conflictId":"` + id + `","conflictResolution":"RETIRE","retiredSerialId":"` + id + `","challengerEventId":"evt 1","resolutionReason":"r"}`,
			seriald.Fields{
				ConflictID: serial1, ConflictResolution: seriald.ResolveRetire, RetiredSerialID: serial1, ChallengerEventID: "evt 1", ResolutionReason: "r",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := fieldsOf(tc.typ, tc.data)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(&tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestRegistrationsAndResolutionsAreRefused(t *testing.T) {
	t.Parallel()
	const register, resolve = seriald.TypeUniquenessRegister, seriald.TypeConflictResolve
	number, by := map[string]any{"serialNumber": "S", "partId": "P"}, map[string]any{"conflictId": serial1.String(), "resolutionReason": "r", "conflictResolution": "KEEP"}
	for name, tc := range map[string]struct {
		typ           seriald.EventType
		least         map[string]any // that is taken
		field         string         // that is changed
		value         any            // nil takes it away
		refused, text string         // "" is the field that is changed
	}{
		"a scope that is none":           {typ: register, least: number, field: "scope", value: []string{"LINE"}, text: `"LINE" must be one of`},
		"a scope in lower case":          {typ: register, least: number, field: "scope", value: []string{"site"}, text: `"site" must be one of`},
		"a scope twice":                  {typ: register, least: number, field: "scope", value: []string{"SITE", "PART_TYPE", "SITE"}, text: "SITE is there twice"},
		"a scope of another type":        {typ: register, least: number, field: "scope", value: "SITE", text: "must be"},
		"a vendor's scope, by none":      {typ: register, least: number, field: "scope", value: []string{"VENDOR"}, refused: "vendorName", text: "is required"},
		"a site that is too long":        {typ: register, least: number, field: "siteId", value: strings.Repeat("x", 201), text: "longer than 200 bytes"},
		"a resolution that is none":      {typ: resolve, least: by, field: "conflictResolution", value: "keep", text: `must be KEEP, RETIRE or MARK_INVALID, not "keep"`},
		"a blank resolution":             {typ: resolve, least: by, field: "conflictResolution", value: " ", text: "is required"},
		"no conflict":                    {typ: resolve, least: by, field: "conflictId", refused: "serialNumber", text: "is required (or conflictId)"},
		"a conflict that is none":        {typ: resolve, least: by, field: "conflictId", value: "S", text: "is not an id of this service"},
		"a retired serial that is none":  {typ: resolve, least: by, field: "retiredSerialId", value: "S", text: "is not an id of this service"},
		"a blank reason":                 {typ: resolve, least: by, field: "resolutionReason", value: "\t", text: "is required"},
		"a reason that is too long":      {typ: resolve, least: by, field: "resolutionReason", value: strings.Repeat("x", 2001), text: "longer than 2000 bytes"},
		"a reason with a NUL":            {typ: resolve, least: by, field: "resolutionReason", value: "a\x00", text: "NUL"},
		"a challenger that is too long":  {typ: resolve, least: by, field: "challengerEventId", value: strings.Repeat("x", 201), text: "longer than 200 bytes"},
		"a challenger that is a number":  {typ: resolve, least: by, field: "challengerEventId", value: 5, text: "must be a string, not number"},
		"a resolution that is a number":  {typ: resolve, least: by, field: "conflictResolution", value: 1, text: "must be a string, not number"},
		"a number instead of a conflict": {typ: resolve, least: map[string]any{"serialNumber": "S", "resolutionReason": "r", "conflictResolution": "KEEP", "partId": "P"}, field: "partId", text: "is required beside serialNumber (or conflictId alone)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fields := maps.Clone(tc.least)
			if _, err := fieldsOf(tc.typ, string(encode(t, fields))); err != nil {
				t.Fatalf("%v: %v", fields, err)
			}
			if fields[tc.field] = tc.value; tc.value == nil {
				delete(fields, tc.field)
			}
			if tc.refused == "" {
				tc.refused = tc.field
			}
			got, err := fieldsOf(tc.typ, string(encode(t, fields)))
			if err == nil {
				t.Fatalf("got %+v, want a refusal", got)
			}
			wantRejection(t, err, seriald.CodeValidation, tc.refused, tc.text)
		})
	}
}
