package api

import (
	"net/http"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/store"
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
		unread(w, err, codeNotFound, "device")
		return
	}
	if found == nil {
		found = []store.Device{} // an empty list, not null
	}
	reply(w, http.StatusOK, devicesBody{found, total, limit, offset})
}
