package live

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/machshop/seriald"
)

// names are the serial events of the contract, section 5.
var names = []string{
	seriald.EventReceived, seriald.EventAccepted, seriald.EventRejected, seriald.EventAssigned, seriald.EventConflict,
	seriald.EventResolved, seriald.EventPropagated, seriald.EventPlaceholder, seriald.EventRetired, "label",
}

const (
	lastEventIDHeader    = "Last-Event-ID"
	lastEventIDParameter = "lastEventId"
)

// filter says which events a client wants; what is empty lets all through.
type filter struct {
	site                                         string
	events                                       []string
	partID, serialNumber, workOrderID, lotNumber string
}

// request is what a client asks for.
type request struct {
	filter filter
	from   position
	// resumes says that from was given; else the client begins at the tail.
	resumes bool
}

// parseRequest reads the parameters of r and what is wrong with them.
func parseRequest(r *http.Request) (q request, problems []fieldProblem) {
	wrong := func(field, format string, args ...any) {
		problems = append(problems, fieldProblem{field, fmt.Sprintf(format, args...)})
	}
	last := ""
	texts := map[string]*string{
		"site": &q.filter.site, "partId": &q.filter.partID, "serialNumber": &q.filter.serialNumber,
		"workOrderId": &q.filter.workOrderID, "lotNumber": &q.filter.lotNumber, lastEventIDParameter: &last,
	}
	for name, values := range r.URL.Query() {
		into := texts[name]
		switch {
		case name != "event" && into == nil:
			wrong(name, "is not known here: known are event, lastEventId, lotNumber, partId, serialNumber, site, workOrderId")
		case len(values) > 1:
			wrong(name, "must be given once")
		case values[0] == "":
			wrong(name, "must not be empty: leave it out to get all")
		case name == "event":
			q.filter.events = strings.Split(values[0], ",")
			for _, e := range q.filter.events {
				if !slices.Contains(names, e) {
					wrong(name, "%q is not known: known are %s", e, strings.Join(names, ", "))
				}
			}
		default:
			*into = values[0]
		}
	}
	if q.filter.site != "" && !seriald.ValidToken(q.filter.site) {
		wrong("site", "must be 1 to 64 of A-Z a-z 0-9 _ -")
	}
	field := lastEventIDParameter
	// The header wins: a browser that reconnects sends it to the address it had.
	if header := r.Header.Get(lastEventIDHeader); header != "" {
		field, last = lastEventIDHeader, header
	}
	if last != "" {
		var err error
		if q.from, err = parsePosition(last); err != nil {
			wrong(field, "%v", err)
		}
		q.resumes = true
	}
	slices.SortFunc(problems, func(a, b fieldProblem) int { return strings.Compare(a.Field, b.Field) })
	return q, problems
}

// subject returns the narrowest single subject that has all events of the filter.
// More than one needs NATS 2.10.
func (f *filter) subject() string {
	site, name := "*", "*"
	if f.site != "" {
		site = f.site
	}
	if len(f.events) == 1 {
		name = f.events[0]
	}
	return "machshop.serial." + site + "." + name + ".*"
}

// matches reports whether a client with the filter wants e. It is not safe for
// concurrent use with the same e.
func (f *filter) matches(e *event) bool {
	if e.name == "" || f.site != "" && f.site != e.site || len(f.events) > 0 && !slices.Contains(f.events, e.name) {
		return false
	}
	if f.partID == "" && f.serialNumber == "" && f.workOrderID == "" && f.lotNumber == "" {
		return true
	}
	if e.details == nil {
		e.details = &details{}
		if json.Unmarshal(e.body, e.details) != nil {
			*e.details = details{} // what is no event is nobody's
		}
	}
	d := &e.details.Data
	return (f.workOrderID == "" || f.workOrderID == d.WorkOrderID) &&
		(f.lotNumber == "" || f.lotNumber == d.LotNumber) &&
		(f.partID == "" || f.partID == d.PartID ||
			slices.ContainsFunc(d.Serials, f.ofPart) || slices.ContainsFunc(d.Placeholders, f.ofPart)) &&
		(f.serialNumber == "" || f.serialNumber == d.Conflict.SerialNumber || slices.ContainsFunc(d.Serials, f.ofNumber))
}

func (f *filter) ofPart(s serial) bool   { return s.PartID == f.partID }
func (f *filter) ofNumber(s serial) bool { return s.SerialNumber == f.serialNumber }
