package seriald

import (
	"cmp"
	"encoding/json"
	"math"
	"slices"
	"time"
)

// MaxAssignments is the most assignments of one format.
const MaxAssignments = 1000

// FormatPut is what a format_put says: a format as it is from now on, whole. What
// is left out has its default.
type FormatPut struct {
	Format      Format
	Assignments []*FormatAssignment
}

// formatPutFields are the fields of a format_put.
type formatPutFields struct {
	FormatConfigID string       `json:"formatConfigId"`
	Name           string       `json:"name"`         // the id
	Pattern        string       `json:"pattern"`      // required
	CounterStart   *int64       `json:"counterStart"` // 1
	Increment      *int64       `json:"increment"`    // 1
	Reset          Reset        `json:"reset"`        // never
	CounterScope   CounterScope `json:"counterScope"` // FORMAT
	Active         *bool        `json:"active"`       // true
	Assignments    []struct {
		PartID     string     `json:"partId"`
		PartType   string     `json:"partType"`
		Priority   *int       `json:"priority"` // 100
		ValidFrom  *time.Time `json:"validFrom"`
		ValidUntil *time.Time `json:"validUntil"`
	} `json:"assignments"`
}

// FormatPut decodes and checks the fields of a format_put. What the pattern is worth
// is not judged here. The error is a *[Rejection] naming the field.
func (e *Event) FormatPut() (*FormatPut, error) {
	var f formatPutFields
	if err := json.Unmarshal(e.Data, &f); err != nil {
		r := jsonRejection(err)
		if r.Field == "time" { // its only times are theirs
			r.Field = "assignments"
		}
		return nil, r
	}
	p := &FormatPut{Format: Format{
		ID: f.FormatConfigID, Name: cmp.Or(f.Name, f.FormatConfigID), Pattern: f.Pattern,
		Start: valueOr(f.CounterStart, 1), Increment: valueOr(f.Increment, 1),
		Reset: cmp.Or(f.Reset, ResetNever), CounterScope: cmp.Or(f.CounterScope, CounterPerFormat), Active: valueOr(f.Active, true),
	}}
	for _, t := range []struct{ name, value string }{{"name", f.Name}, {"pattern", f.Pattern}} {
		if err := checkText(t.name, t.value); err != nil {
			return nil, err
		}
	}
	switch {
	case f.Pattern == "":
		return nil, Reject(CodeValidation, "pattern", "is required, such as SN-{YYYY}-{SEQ:6}")
	case p.Format.Start < 0:
		return nil, Reject(CodeValidation, "counterStart", "must not be below 0, as %d is", p.Format.Start)
	case p.Format.Increment < 1:
		return nil, Reject(CodeValidation, "increment", "must be 1 or more, not %d", p.Format.Increment)
	case !slices.Contains([]Reset{ResetNever, ResetYearly, ResetMonthly, ResetWeekly, ResetDaily}, p.Format.Reset):
		return nil, Reject(CodeValidation, "reset", "%q must be never, yearly, monthly, weekly or daily", p.Format.Reset)
	case !slices.Contains([]CounterScope{CounterPerFormat, CounterPerSite, CounterPerPart, CounterPerSitePart}, p.Format.CounterScope):
		return nil, Reject(CodeValidation, "counterScope", "%q must be FORMAT, SITE, PART or SITE_PART", p.Format.CounterScope)
	case len(f.Assignments) > MaxAssignments:
		return nil, Reject(CodeValidation, "assignments", "must not be more than %d", MaxAssignments)
	}
	for _, a := range f.Assignments {
		switch {
		case (a.PartID == "") == (a.PartType == ""):
			return nil, Reject(CodeValidation, "assignments", "each must name a partId, or a partType")
		case a.ValidFrom != nil && a.ValidUntil != nil && !a.ValidFrom.Before(*a.ValidUntil):
			return nil, Reject(CodeValidation, "assignments", "validFrom must be before validUntil")
		}
		for _, text := range []string{a.PartID, a.PartType} {
			if err := checkText("assignments", text); err != nil {
				return nil, err
			}
		}
		priority := valueOr(a.Priority, 100)
		if priority < math.MinInt32 || priority > math.MaxInt32 {
			return nil, Reject(CodeValidation, "assignments", "priority %d is out of bounds", priority)
		}
		p.Assignments = append(p.Assignments, &FormatAssignment{
			FormatID: f.FormatConfigID, PartID: a.PartID, PartType: a.PartType, Priority: priority,
			ValidFrom: valueOr(a.ValidFrom, time.Time{}), ValidUntil: valueOr(a.ValidUntil, time.Time{}),
		})
	}
	return p, nil
}

func valueOr[T any](p *T, instead T) T {
	if p == nil {
		return instead
	}
	return *p
}
