package api

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/store"
)

// Codes that only HTTP has.
const (
	codeNotFound         seriald.Code = "NOT_FOUND"
	codeMethodNotAllowed seriald.Code = "METHOD_NOT_ALLOWED"
	codeUnavailable      seriald.Code = "UNAVAILABLE"
)

// fieldProblem says what is wrong with one parameter.
type fieldProblem struct {
	Field   string `json:"field"`
	Message string `json:"message"`
}

// badRequest answers with what is wrong with the parameters.
func badRequest(w http.ResponseWriter, problems []fieldProblem) {
	fieldProblems(w, http.StatusBadRequest, seriald.CodeValidation, problems)
}

// fieldProblems answers with problem details that name fields.
func fieldProblems(w http.ResponseWriter, status int, code seriald.Code, problems []fieldProblem) {
	write(w, status, "application/problem+json", map[string]any{
		"type": "about:blank", "title": http.StatusText(status), "status": status,
		"detail": problems[0].Field + " " + problems[0].Message, "code": code, "errors": problems,
	})
}

// unread answers for what the store did not return: what is not there has code, and
// what names it.
func unread(w http.ResponseWriter, err error, code seriald.Code, what string) {
	switch {
	case errors.Is(err, store.ErrNotFound):
		problem(w, http.StatusNotFound, code, "there is no "+what)
	case errors.Is(err, store.ErrTooBroad):
		problem(w, http.StatusUnprocessableEntity, seriald.CodeValidation,
			"too much would have to be looked through: ask for a part, a number, a work order, a lot or an attribute too")
	case errors.Is(err, store.ErrBadData):
		problem(w, http.StatusBadRequest, seriald.CodeValidation, "a value can't be in the database, so that nothing has it: it holds a NUL, is not UTF-8, or is out of bounds")
	default:
		problem(w, http.StatusServiceUnavailable, codeUnavailable, "the database can't be reached; try again")
	}
}

func reply(w http.ResponseWriter, status int, body any) {
	write(w, status, "application/json", body)
}

// problem answers with problem details, RFC 9457.
func problem(w http.ResponseWriter, status int, code seriald.Code, detail string) {
	write(w, status, "application/problem+json", map[string]any{
		"type": "about:blank", "title": http.StatusText(status), "status": status, "detail": detail, "code": code,
	})
}

func write(w http.ResponseWriter, status int, contentType string, body any) {
	b, err := json.Marshal(body)
	if err != nil {
		status, b = http.StatusInternalServerError, []byte(`{"type":"about:blank","title":"Internal Server Error","status":500,"code":"INTERNAL"}`)
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(append(b, '\n')) // a client that went away has no use for an error
}
