package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/machshop/seriald"
)

// readJSON reads a body of at most some bytes; it has answered if it returns false.
func readJSON(w http.ResponseWriter, r *http.Request, most int64, into any) bool {
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, most))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		problem(w, http.StatusRequestEntityTooLarge, seriald.CodePayloadTooLarge, fmt.Sprintf("the body has more than %d bytes", most))
		return false
	}
	if err != nil {
		return false // the client went away
	}
	if err := json.Unmarshal(b, into); err != nil {
		badRequest(w, []fieldProblem{{"body", "must be a JSON object with the fields of this call: " + err.Error()}})
		return false
	}
	return true
}
