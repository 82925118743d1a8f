package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/gs1"
)

type scanInput struct {
	Body struct {
		Data    *string `json:"data,omitempty" required:"true" doc:"What was read, with GS (0x1D) as \\u001d."`
		Profile string  `json:"profile,omitempty" doc:"What the reader does to its scans, as a route's profile."`
	}
}

// parseScan answers with what a scan says. Nothing is changed.
func (s *Server) parseScan(_ context.Context, in *scanInput) (*output[json.RawMessage], error) {
	if in.Body.Data == nil {
		return nil, invalidField("data", "is required: what was read, with GS (0x1D) as \\u001d")
	}
	profile, err := gs1.ParseProfile(in.Body.Profile)
	if err != nil {
		return nil, invalidField("profile", "%v", err)
	}
	m, err := gs1.Parser{Profile: profile}.Parse(*in.Body.Data)
	if err != nil {
		return nil, scanProblem(err)
	}
	return answer(json.RawMessage(m.AppendJSON(nil, s.prefixes, time.Now().Year())), nil)
}

// scanProblem is the answer for a scan that is wrong.
func scanProblem(err error) error {
	p := newProblem(http.StatusUnprocessableEntity, seriald.CodeBadScan, "%v", err)
	p.Errors = []FieldProblem{{"data", err.Error()}}
	if e, ok := errors.AsType[*gs1.Error](err); ok {
		p.Scan = e
	}
	return p
}
