package live

import (
	"encoding/json"
	"net/http"

	"github.com/machshop/seriald"
)

// Codes that only HTTP has.
const (
	codeUnavailable      seriald.Code = "UNAVAILABLE"
	codeMethodNotAllowed seriald.Code = "METHOD_NOT_ALLOWED"
	codeInternal         seriald.Code = "INTERNAL"
)

// fieldProblem says what is wrong with one parameter.
type fieldProblem struct {
	Field   string `json:"field"`
	Message string `json:"message"`
}

// problem answers with problem details, RFC 9457.
func problem(w http.ResponseWriter, status int, code seriald.Code, detail string, fields ...fieldProblem) {
	b, _ := json.Marshal(struct { // strings and numbers: never fails
		Type   string         `json:"type"`
		Title  string         `json:"title"`
		Status int            `json:"status"`
		Detail string         `json:"detail"`
		Code   seriald.Code   `json:"code"`
		Errors []fieldProblem `json:"errors,omitempty"`
	}{"about:blank", http.StatusText(status), status, detail, code, fields})
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(append(b, '\n')) // a client that went away has no use for an error
}
