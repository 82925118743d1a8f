package edge

import (
	"encoding/json"
	"net/http"

	"github.com/machshop/seriald"
)

// Codes that only HTTP has.
const (
	codeInternal    seriald.Code = "INTERNAL"
	codeUnavailable seriald.Code = "UNAVAILABLE"
)

// problem is a problem as it is answered.
type problem struct {
	Type      string       `json:"type"`
	Title     string       `json:"title"`
	Status    int          `json:"status"`
	Detail    string       `json:"detail"`
	Code      seriald.Code `json:"code"`
	RequestID string       `json:"requestId,omitempty"`
}

// Problem answers r with problem details, RFC 9457, in the members that the API's own
// have, and with the request's id. It must come before anything else is answered;
// headers that describe another body are taken back.
func Problem(w http.ResponseWriter, r *http.Request, status int, code seriald.Code, detail string) {
	// A struct of strings always has a JSON form.
	body, _ := json.Marshal(problem{"about:blank", http.StatusText(status), status, detail, code, RequestID(r.Context())})
	h := w.Header()
	for _, name := range []string{"Content-Encoding", "Content-Length", "Content-Disposition", "ETag", "Last-Modified"} {
		h.Del(name)
	}
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // a client that went away has no use for an error
}
