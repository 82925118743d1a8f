package seriald_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/machshop/seriald"
)

func formatPut(data string) (*seriald.FormatPut, error) {
	e := seriald.Event{Type: seriald.TypeFormatPut, Data: json.RawMessage(data)}
	return e.FormatPut()
}

func TestFormatPutTakes(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	for name, tc := range map[string]struct {
		data string
		want seriald.FormatPut
	}{
		"what it needs": {`{"formatConfigId":"F","pattern":"{SEQ:6}"}`, seriald.FormatPut{Format: seriald.Format{
			ID: "F", Name: "F", Active: true, Pattern: "{SEQ:6}", Start: 1, Increment: 1, Reset: seriald.ResetNever, CounterScope: seriald.CounterPerFormat,
		}}},
		"all": {
			`{"formatConfigId":"F","name":"N","pattern":"{SEQ:6}","counterStart":0,"increment":5,"reset":"daily","counterScope":"SITE_PART","active":false,"note":"kept",
				"assignments":[{"partId":"P","priority":-1,"validFrom":"2026-03-02T12:00:00Z","validUntil":"2026-03-03T12:00:00Z"},{"partType":"T"}]}`,
			seriald.FormatPut{
				Format: seriald.Format{ID: "F", Name: "N", Pattern: "{SEQ:6}", Start: 0, Increment: 5, Reset: seriald.ResetDaily, CounterScope: seriald.CounterPerSitePart},
				Assignments: []*seriald.FormatAssignment{
					{FormatID: "F", PartID: "P", Priority: -1, ValidFrom: at, ValidUntil: at.AddDate(0, 0, 1)}, {FormatID: "F", PartType: "T", Priority: 100},
				},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := formatPut(tc.data)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(&tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestFormatPutRefuses(t *testing.T) {
	t.Parallel()
	const begin = `{"formatConfigId":"F","pattern":"{SEQ:6}",`
	for name, tc := range map[string]struct{ data, field, text string }{
		"no pattern":              {`{"formatConfigId":"F"}`, "pattern", "is required, such as"},
		"a pattern of 201 bytes":  {`{"pattern":"` + strings.Repeat("x", 201) + `"}`, "pattern", "longer than 200 bytes"},
		"a name of two lines":     {begin + `"name":"a\u0000"}`, "name", "NUL"},
		"a start below 0":         {begin + `"counterStart":-1}`, "counterStart", "must not be below 0, as -1 is"},
		"a start that is a text":  {begin + `"counterStart":"1"}`, "counterStart", "must be a whole number"},
		"an increment of 0":       {begin + `"increment":0}`, "increment", "must be 1 or more, not 0"},
		"a reset that is none":    {begin + `"reset":"hourly"}`, "reset", `"hourly" must be never, yearly, monthly, weekly or daily`},
		"a scope that is none":    {begin + `"counterScope":"LINE"}`, "counterScope", `"LINE" must be FORMAT, SITE, PART or SITE_PART`},
		"an assignment of nobody": {begin + `"assignments":[{}]}`, "assignments", "must name a partId, or a partType"},
		"an assignment of both":   {begin + `"assignments":[{"partId":"P","partType":"T"}]}`, "assignments", "must name a partId, or a partType"},
		"an end before the start": {begin + `"assignments":[{"partId":"P","validFrom":"2026-03-03T00:00:00Z","validUntil":"2026-03-02T00:00:00Z"}]}`, "assignments", "validFrom must be before validUntil"},
		"a time that is none":     {begin + `"assignments":[{"partId":"P","validFrom":"tomorrow"}]}`, "assignments", "tomorrow is not an RFC 3339 time with offset"},
		"a time that is a number": {begin + `"assignments":[{"partId":"P","validUntil":5}]}`, "assignments", "RFC 3339 time with offset"},
		"an activity of a text":   {begin + `"active":"yes"}`, "active", "must be true or false, not string"},
		"assignments of a text":   {begin + `"assignments":"P"}`, "assignments", "must be an array, not string"},
		"a priority beyond":       {begin + `"assignments":[{"partId":"P","priority":4294967296}]}`, "assignments", "out of bounds"},
		"too many":                {begin + `"assignments":[` + strings.Repeat(`{"partId":"P"},`, seriald.MaxAssignments) + `{"partId":"P"}]}`, "assignments", "must not be more than 1000"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := formatPut(tc.data)
			if err == nil {
				t.Fatalf("got %+v", got)
			}
			wantRejection(t, err, seriald.CodeValidation, tc.field, tc.text)
		})
	}
}
