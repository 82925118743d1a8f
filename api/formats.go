package api

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/pattern"
)

const (
	// defaultPreview is how many numbers are shown, mostPreview how many at most.
	defaultPreview, mostPreview = 10, 1000
)

// previewBody is what is asked: a pattern and how it would be used.
type previewBody struct {
	Pattern   string     `json:"pattern"`
	Count     *int       `json:"count,omitempty" doc:"How many numbers to show, at most 1000; 10 if it is left out."`
	Start     *int64     `json:"counterStart,omitempty"`
	Increment *int64     `json:"increment,omitempty"`
	Reset     string     `json:"reset,omitempty" doc:"When the counter begins anew: never, yearly, monthly, weekly or daily."`
	At        *time.Time `json:"at,omitempty" doc:"The local time; now if it is left out."`
	GS1       bool       `json:"gs1,omitempty"`
	Site      string     `json:"siteId,omitempty"`
	Part      string     `json:"partId,omitempty"`
	Line      string     `json:"line,omitempty"`
	WorkOrder string     `json:"workOrderId,omitempty"`
	Lot       string     `json:"lotNumber,omitempty"`
	Operation string     `json:"operationCode,omitempty"`
}

type previewInput struct{ Body previewBody }

// nameInput names a site, a part or a format.
type nameInput struct {
	ID string `path:"id"`
}

// previewAnswer is what a pattern makes and what is known of it.
type previewAnswer struct {
	Numbers   []string     `json:"numbers"`
	Problems  []proofEntry `json:"problems"`
	Warnings  []proofEntry `json:"warnings"`
	MinLength int          `json:"minLength"`
	MaxLength int          `json:"maxLength"`
	Values    int64        `json:"values"` // of the counter, in a period
	Space     float64      `json:"space"`  // what a guess has to choose from
}

type proofEntry struct {
	Position int    `json:"position,omitempty"`
	Message  string `json:"message"`
}

// previewFormat answers with numbers of a pattern, and proves it. No number is used.
func (s *Server) previewFormat(_ context.Context, in *previewInput) (*output[previewAnswer], error) {
	body := &in.Body
	var problems []FieldProblem
	count, start, increment := valueOr(body.Count, defaultPreview), valueOr(body.Start, 1), valueOr(body.Increment, 1)
	if count < 1 || count > mostPreview {
		problems = append(problems, FieldProblem{"count", fmt.Sprintf("must be from 1 to %d", mostPreview)})
	}
	if start < 0 || start > 1<<62 {
		problems = append(problems, FieldProblem{"counterStart", "must not be below 0, or beyond 62 bits"})
	}
	if increment < 1 || increment > 1<<32 {
		problems = append(problems, FieldProblem{"increment", "must be from 1 to 4294967296"})
	}
	use := pattern.Use{Start: start, Increment: increment, GS1: body.GS1}
	switch reset := seriald.Reset(body.Reset); reset {
	case "", seriald.ResetNever:
	case seriald.ResetYearly, seriald.ResetMonthly, seriald.ResetWeekly, seriald.ResetDaily:
		use.Period, use.Unit = reset.Period, reset.Unit()
	default:
		problems = append(problems, FieldProblem{"reset", "must be never, yearly, monthly, weekly or daily"})
	}
	p, err := pattern.Parse(body.Pattern)
	if err != nil {
		problems = append(problems, FieldProblem{"pattern", err.Error()})
	}
	if len(problems) > 0 {
		return nil, invalid(problems...)
	}
	at := valueOr(body.At, time.Now())
	use.Year = at.Year()
	numbers, err := p.Preview(&pattern.Values{
		Local: at, Site: cmp.Or(body.Site, "plant1"), Part: cmp.Or(body.Part, "PART-001"), Line: cmp.Or(body.Line, "line1"),
		WorkOrder: cmp.Or(body.WorkOrder, "WO-1"), Lot: cmp.Or(body.Lot, "LOT-1"), Operation: cmp.Or(body.Operation, "OP-010"),
		Random: func(b []byte) { _, _ = rand.Read(b) }, // it never fails
	}, start, increment, count)
	if err != nil {
		return nil, invalidField("pattern", "%v", err)
	}
	proof := p.Prove(use)
	return answer(previewAnswer{
		Numbers: append([]string{}, numbers...), Problems: entries(proof.Problems), Warnings: entries(proof.Warnings),
		MinLength: proof.MinLength, MaxLength: proof.MaxLength, Values: proof.Values, Space: proof.Space,
	}, nil)
}

// formatAnswer is a format and how much of it was used.
type formatAnswer struct {
	ID           string               `json:"formatConfigId"`
	Name         string               `json:"name"`
	Active       bool                 `json:"active"`
	Version      int                  `json:"version"`
	Pattern      string               `json:"pattern"`
	Start        int64                `json:"counterStart"`
	Increment    int64                `json:"increment"`
	Reset        seriald.Reset        `json:"reset"`
	CounterScope seriald.CounterScope `json:"counterScope"`
	UpdatedAt    time.Time            `json:"updatedAt"`

	Taken int64 `json:"taken"` // values of all its counters
	// Values is the room of a counter in a period, Left what is left in the one from
	// which most was taken.
	Values int64 `json:"values"`
	Left   int64 `json:"left"`
	// GuessProbability is how likely a guess is a number that was made: of random and
	// permuted numbers the part of them that is used; 1 of a counter in order.
	GuessProbability float64 `json:"guessProbability"`
}

// format answers with a format and its use.
func (s *Server) format(ctx context.Context, in *nameInput) (*output[formatAnswer], error) {
	u, err := s.deps.Database.FormatUse(ctx, in.ID)
	if err != nil {
		return nil, unread(err, seriald.CodeFormatNotFound, "format "+in.ID)
	}
	f := &u.Format
	body := formatAnswer{
		ID: f.ID, Name: f.Name, Active: f.Active, Version: f.Version, Pattern: f.Pattern, Start: f.Start, Increment: f.Increment,
		Reset: f.Reset, CounterScope: f.CounterScope, UpdatedAt: u.UpdatedAt, Taken: u.Taken, GuessProbability: 1,
	}
	if p, err := pattern.Parse(f.Pattern); err == nil {
		proof := p.Prove(pattern.Use{Start: f.Start, Increment: f.Increment})
		body.Values, body.Left = proof.Values, max(0, proof.Values-u.Most)
		if proof.Space > 1 {
			body.GuessProbability = min(1, float64(u.Most)/proof.Space)
		}
	}
	return answer(body, nil)
}

func entries(problems []pattern.Problem) []proofEntry {
	all := make([]proofEntry, len(problems))
	for i, p := range problems {
		all[i] = proofEntry(p)
	}
	return all
}

func valueOr[T any](p *T, instead T) T {
	if p == nil {
		return instead
	}
	return *p
}
