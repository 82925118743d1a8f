package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/gs1"
)

// maxScanBody bounds the body of a scan, in bytes: no symbol holds as much.
const maxScanBody = 64 << 10

// scanBody is what is asked.
type scanBody struct {
	Data    *string `json:"data"`
	Profile string  `json:"profile"`
}

// parseScan answers with what a scan says. Nothing is changed.
func (s *Server) parseScan(w http.ResponseWriter, r *http.Request) {
	var body scanBody
	if !readJSON(w, r, maxScanBody, &body) {
		return
	}
	if body.Data == nil {
		badRequest(w, []fieldProblem{{"data", "is required: what was read, with GS (0x1D) as \\u001d"}})
		return
	}
	profile, err := gs1.ParseProfile(body.Profile)
	if err != nil {
		badRequest(w, []fieldProblem{{"profile", err.Error()}})
		return
	}
	m, err := gs1.Parser{Profile: profile}.Parse(*body.Data)
	if err != nil {
		scanProblem(w, err)
		return
	}
	reply(w, http.StatusOK, json.RawMessage(m.AppendJSON(nil, s.prefixes, time.Now().Year())))
}

// scanProblem answers with what is wrong with a scan.
func scanProblem(w http.ResponseWriter, err error) {
	body := map[string]any{
		"type": "about:blank", "title": http.StatusText(http.StatusUnprocessableEntity), "status": http.StatusUnprocessableEntity,
		"detail": err.Error(), "code": seriald.CodeBadScan, "errors": []fieldProblem{{"data", err.Error()}},
	}
	if e, ok := errors.AsType[*gs1.Error](err); ok {
		body["scan"] = e
	}
	write(w, http.StatusUnprocessableEntity, "application/problem+json", body)
}
