package api

import (
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/store"
)

// serialBody is a serial. Its number and the time at which it came are named as its
// endpoint's users know them.
type serialBody struct {
	ID                 seriald.ID           `json:"id"`
	SerialNumber       string               `json:"serialNumber,omitempty"`
	VendorSerialNumber string               `json:"vendorSerialNumber,omitempty"`
	VendorName         string               `json:"vendorName,omitempty"`
	PartID             string               `json:"partId"`
	SiteID             string               `json:"siteId"`
	Source             seriald.Source       `json:"source"`
	FormatConfigID     string               `json:"formatConfigId,omitempty"`
	FormatVersion      int                  `json:"formatVersion,omitempty"`
	Status             seriald.SerialStatus `json:"status"`
	TriggerID          seriald.ID           `json:"triggerId,omitzero"`
	WorkOrderID        string               `json:"workOrderId,omitempty"`
	LotNumber          string               `json:"lotNumber,omitempty"`
	OperationCode      string               `json:"operationCode,omitempty"`
	Line               string               `json:"line,omitempty"`
	Device             string               `json:"device,omitempty"`
	ReceivedDate       string               `json:"receivedDate,omitempty"`
	InternalSerialID   seriald.ID           `json:"internalSerialId,omitzero"`
	RejectionReason    string               `json:"rejectionReason,omitempty"`
	RetirementReason   string               `json:"retirementReason,omitempty"`
	Attributes         json.RawMessage      `json:"attributes,omitempty"`
	EventID            seriald.EventID      `json:"eventId"`
	ReceivedAt         time.Time            `json:"receivedAt,omitzero"`
	GeneratedAt        time.Time            `json:"generatedAt,omitzero"`
	CreatedAt          time.Time            `json:"createdAt,omitzero"`
	UpdatedAt          time.Time            `json:"updatedAt"`
}

// fill has what all endpoints name alike.
func (b *serialBody) fill(r *store.SerialRecord) {
	*b = serialBody{
		ID: r.ID, VendorName: r.VendorName, PartID: r.PartID, SiteID: r.SiteID, Source: r.Source, FormatConfigID: r.FormatID,
		FormatVersion: r.FormatVersion, Status: r.Status, TriggerID: r.TriggerID, WorkOrderID: r.WorkOrderID, LotNumber: r.LotNumber,
		OperationCode: r.OperationCode, Line: r.Line, Device: r.Device, ReceivedDate: r.ReceivedDate, InternalSerialID: r.InternalSerialID,
		RejectionReason: r.RejectionReason, RetirementReason: r.RetirementReason, Attributes: r.Attributes, EventID: r.EventID, UpdatedAt: r.UpdatedAt,
	}
}

func asSerial(r *store.SerialRecord) (b serialBody) {
	b.fill(r)
	b.SerialNumber, b.CreatedAt = r.Number, r.CreatedAt
	return b
}

func asVendorSerial(r *store.SerialRecord) (b serialBody) {
	b.fill(r)
	b.VendorSerialNumber, b.ReceivedAt = r.Number, r.CreatedAt
	return b
}

func asGeneratedSerial(r *store.SerialRecord) (b serialBody) {
	b.fill(r)
	b.SerialNumber, b.GeneratedAt = r.Number, r.CreatedAt
	return b
}

// serial answers with a serial of any source.
func (s *Server) serial(w http.ResponseWriter, r *http.Request) {
	s.oneSerial(w, r, seriald.CodeSerialNotFound, "serial", asSerial)
}

// vendorSerial answers with a vendor's serial.
func (s *Server) vendorSerial(w http.ResponseWriter, r *http.Request) {
	s.oneSerial(w, r, seriald.CodeVendorSerialNotFound, "vendor serial", asVendorSerial, seriald.SourceVendor)
}

func (s *Server) oneSerial(w http.ResponseWriter, r *http.Request, code seriald.Code, what string,
	as func(*store.SerialRecord) serialBody, of ...seriald.Source,
) {
	q := query{Values: r.URL.Query()}
	id := q.pathID(r.PathValue("id"))
	if len(q.problems) > 0 {
		badRequest(w, q.problems)
		return
	}
	found, err := s.deps.Database.Serial(r.Context(), id)
	if err == nil && len(of) > 0 && !slices.Contains(of, found.Source) {
		err = store.ErrNotFound
	}
	if err != nil {
		unread(w, err, code, what+" "+id.String())
		return
	}
	reply(w, http.StatusOK, as(found))
}

// serials lists serials of any source.
func (s *Server) serials(w http.ResponseWriter, r *http.Request) {
	q := query{Values: r.URL.Query()}
	q.only("serialNumber", "partId", "status", "source", "workOrderId", "lotNumber", "operationCode", "device", "vendorName", "from", "to", "limit", "cursor", "attributes.NAME")
	s.listSerials(w, r, &q, &store.SerialFilter{
		Source: seriald.Source(q.Get("source")), PartID: q.Get("partId"), WorkOrderID: q.Get("workOrderId"), OperationCode: q.Get("operationCode"),
		Device: q.Get("device"), VendorName: q.Get("vendorName"), Attributes: q.attributes(),
	}, asSerial)
}

// vendorSerials lists the vendors' serials of a part.
func (s *Server) vendorSerials(w http.ResponseWriter, r *http.Request) {
	q := query{Values: r.URL.Query()}
	q.only("serialNumber", "status", "vendorName", "lotNumber", "from", "to", "limit", "cursor")
	s.listSerials(w, r, &q, &store.SerialFilter{Source: seriald.SourceVendor, PartID: r.PathValue("partId"), VendorName: q.Get("vendorName")}, asVendorSerial)
}

// generatedSerials lists the serials of a part that were made here.
func (s *Server) generatedSerials(w http.ResponseWriter, r *http.Request) {
	q := query{Values: r.URL.Query()}
	q.only("serialNumber", "status", "workOrderId", "lotNumber", "from", "to", "limit", "cursor")
	s.listSerials(w, r, &q, &store.SerialFilter{Source: seriald.SourceGenerated, PartID: r.PathValue("partId"), WorkOrderID: q.Get("workOrderId")}, asGeneratedSerial)
}

var (
	serialStatuses = []seriald.SerialStatus{"", seriald.SerialActive, seriald.SerialRetired, seriald.SerialPending, seriald.SerialAccepted, seriald.SerialRejected, seriald.SerialInvalid}
	serialSources  = []seriald.Source{"", seriald.SourceVendor, seriald.SourceGenerated, seriald.SourceLate}
)

// listSerials answers with serials, the newest first. What all lists may be asked for
// is added to f.
func (s *Server) listSerials(w http.ResponseWriter, r *http.Request, q *query, f *store.SerialFilter, as func(*store.SerialRecord) serialBody) {
	limit, _, problems := page(q.Values)
	q.problems = append(q.problems, problems...)
	f.Number, f.LotNumber, f.Status = q.Get("serialNumber"), q.Get("lotNumber"), seriald.SerialStatus(q.Get("status"))
	f.From, f.To = q.at("from"), q.at("to")
	if !slices.Contains(serialStatuses, f.Status) {
		q.wrong("status", "must be ACTIVE, RETIRED, PENDING, ACCEPTED, REJECTED or INVALID")
	}
	if !slices.Contains(serialSources, f.Source) {
		q.wrong("source", "must be VENDOR, SYSTEM_GENERATED or LATE_ASSIGNMENT")
	}
	var before seriald.ID
	q.cursor(&before)
	if len(q.problems) > 0 {
		badRequest(w, q.problems)
		return
	}
	found, err := s.deps.Database.Serials(r.Context(), f, before, limit+1)
	if err != nil {
		unread(w, err, codeNotFound, "serial")
		return
	}
	bodies := make([]serialBody, len(found))
	for i := range found {
		bodies[i] = as(&found[i])
	}
	reply(w, http.StatusOK, cut(bodies, limit, func(last *serialBody) string { return encodeCursor(last.ID) }))
}
