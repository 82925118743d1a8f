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

// scanAnswer is what [gs1.Message.AppendJSON] writes.
type scanAnswer struct {
	Kind           gs1.Kind        `json:"kind" enum:"gs1,digitalLink,iso15434,plain" doc:"Which standard it follows; plain is none."`
	Symbology      string          `json:"symbology,omitempty" doc:"The AIM symbology identifier that came with it, as ]C1."`
	Elements       []scanElement   `json:"elements"`
	Canonical      string          `json:"canonical,omitempty" doc:"The element string, with FNC1 as ^."`
	GTIN           string          `json:"gtin,omitempty"`
	PartNumber     string          `json:"partNumber,omitempty"`
	Serial         string          `json:"serial,omitempty"`
	Lot            string          `json:"lot,omitempty"`
	Quantity       string          `json:"quantity,omitempty" doc:"As it is written."`
	ProductionDate string          `json:"productionDate,omitempty" format:"date"`
	ExpiryDate     string          `json:"expiryDate,omitempty" format:"date"`
	DigitalLink    string          `json:"digitalLink,omitempty" format:"uri" doc:"The canonical GS1 Digital Link."`
	EPC            string          `json:"epcUri,omitempty" format:"uri" doc:"The EPC pure identity URI, of numbers under one of our company prefixes."`
	Ambiguous      bool            `json:"ambiguous" doc:"Whether it can be read in more than one way."`
	Candidates     []scanCandidate `json:"candidates,omitempty" doc:"The other ways to read it."`
	Warnings       []string        `json:"warnings" doc:"What is wrong with it and does not matter."`
}

// scanElement has an AI, or a DI.
type scanElement struct {
	AI    string `json:"ai,omitempty" doc:"The GS1 application identifier."`
	DI    string `json:"di,omitempty" doc:"The ANSI MH10.8.2 data identifier."`
	Title string `json:"title,omitempty" doc:"The identifier's, of its standard."`
	Value string `json:"value"`
}

type scanCandidate struct {
	Kind      gs1.Kind      `json:"kind"`
	Elements  []scanElement `json:"elements"`
	Canonical string        `json:"canonical,omitempty"`
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
