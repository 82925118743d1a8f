package api

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/store"
)

// The contract's page of a list.
const (
	defaultLimit = 50
	maxLimit     = 500
)

// devicesBody is a page of devices, in the order of site, line and device.
type devicesBody struct {
	Data   []store.Device `json:"data"`
	Total  int            `json:"total"`
	Limit  int            `json:"limit"`
	Offset int            `json:"offset"`
}

// devices lists the devices that were seen, of one site or of all.
func (s *Server) devices(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	limit, offset, problems := page(query)
	site := query.Get("site")
	if site != "" && !seriald.ValidToken(site) {
		problems = append(problems, fieldProblem{"site", "must be 1 to 64 of A-Z a-z 0-9 _ -"})
	}
	if len(problems) > 0 {
		badRequest(w, problems)
		return
	}
	found, total, err := s.deps.Database.Devices(r.Context(), site, limit, offset)
	if err != nil {
		problem(w, http.StatusServiceUnavailable, "UNAVAILABLE", "the database can't be reached; try again")
		return
	}
	if found == nil {
		found = []store.Device{} // an empty list, not null
	}
	reply(w, http.StatusOK, devicesBody{found, total, limit, offset})
}

// fieldProblem says what is wrong with one parameter.
type fieldProblem struct {
	Field   string `json:"field"`
	Message string `json:"message"`
}

// page reads limit and offset.
func page(query url.Values) (limit, offset int, problems []fieldProblem) {
	limit = defaultLimit
	for _, p := range []struct {
		name     string
		into     *int
		from, to int
	}{{"limit", &limit, 1, maxLimit}, {"offset", &offset, 0, 1 << 30}} {
		text := query.Get(p.name)
		if text == "" {
			continue
		}
		n, err := strconv.Atoi(text)
		if err != nil || n < p.from || n > p.to {
			problems = append(problems, fieldProblem{p.name, fmt.Sprintf("must be a number from %d to %d", p.from, p.to)})
			continue
		}
		*p.into = n
	}
	return limit, offset, problems
}

// badRequest answers with what is wrong with the parameters.
func badRequest(w http.ResponseWriter, problems []fieldProblem) {
	write(w, http.StatusBadRequest, "application/problem+json", map[string]any{
		"type": "about:blank", "title": http.StatusText(http.StatusBadRequest), "status": http.StatusBadRequest,
		"detail": problems[0].Field + " " + problems[0].Message, "code": seriald.CodeValidation, "errors": problems,
	})
}
