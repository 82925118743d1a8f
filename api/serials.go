package api

import (
	"context"
	"encoding/json"
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
func (s *Server) serial(ctx context.Context, in *IDParam) (*output[serialBody], error) {
	return s.oneSerial(ctx, in.ID, seriald.CodeSerialNotFound, "serial", asSerial)
}

// vendorSerial answers with a vendor's serial.
func (s *Server) vendorSerial(ctx context.Context, in *IDParam) (*output[serialBody], error) {
	return s.oneSerial(ctx, in.ID, seriald.CodeVendorSerialNotFound, "vendor serial", asVendorSerial, seriald.SourceVendor)
}

func (s *Server) oneSerial(ctx context.Context, text string, code seriald.Code, what string, as func(*store.SerialRecord) serialBody, of ...seriald.Source) (
	*output[serialBody], error,
) {
	id, err := readID("id", text)
	if err != nil {
		return nil, err
	}
	found, err := s.deps.Database.Serial(ctx, id)
	if err == nil && len(of) > 0 && !slices.Contains(of, found.Source) {
		err = store.ErrNotFound
	}
	if err != nil {
		return nil, unread(err, code, what+" "+id.String())
	}
	return answer(as(found), nil)
}

// ListParams are what all lists of serials may be asked for.
type ListParams struct {
	PageParams
	Number string               `query:"serialNumber" doc:"As on the part."`
	Status seriald.SerialStatus `query:"status" enum:"ACTIVE,RETIRED,PENDING,ACCEPTED,REJECTED,INVALID"`
	Lot    string               `query:"lotNumber"`
	From   string               `query:"from" doc:"Made then or later: a date, or a time with offset."`
	To     string               `query:"to" doc:"Made before: a date, or a time with offset."`
}

type serialsInput struct {
	ListParams
	Source     seriald.Source    `query:"source" enum:"VENDOR,SYSTEM_GENERATED,LATE_ASSIGNMENT"`
	PartID     string            `query:"partId"`
	WorkOrder  string            `query:"workOrderId"`
	Operation  string            `query:"operationCode"`
	Device     string            `query:"device"`
	VendorName string            `query:"vendorName"`
	Attributes map[string]string `query:"attributes,deepObject,explode" doc:"attributes[cell]=B7: the values of up to five attributes."`
}

// serials lists serials of any source.
func (s *Server) serials(ctx context.Context, in *serialsInput) (*output[listBody[serialBody]], error) {
	attributes, err := attributeObjects(in.Attributes)
	if err != nil {
		return nil, err
	}
	return s.listSerials(ctx, &in.ListParams, &store.SerialFilter{
		Source: in.Source, PartID: in.PartID, WorkOrderID: in.WorkOrder, OperationCode: in.Operation, Device: in.Device,
		VendorName: in.VendorName, Attributes: attributes,
	}, asSerial)
}

type vendorSerialsInput struct {
	PartParam
	ListParams
	VendorName string `query:"vendorName"`
}

// vendorSerials lists the vendors' serials of a part.
func (s *Server) vendorSerials(ctx context.Context, in *vendorSerialsInput) (*output[listBody[serialBody]], error) {
	return s.listSerials(ctx, &in.ListParams, &store.SerialFilter{Source: seriald.SourceVendor, PartID: in.PartID, VendorName: in.VendorName}, asVendorSerial)
}

type generatedSerialsInput struct {
	PartParam
	ListParams
	WorkOrder string `query:"workOrderId"`
}

// generatedSerials lists the serials of a part that were made here.
func (s *Server) generatedSerials(ctx context.Context, in *generatedSerialsInput) (*output[listBody[serialBody]], error) {
	return s.listSerials(ctx, &in.ListParams, &store.SerialFilter{Source: seriald.SourceGenerated, PartID: in.PartID, WorkOrderID: in.WorkOrder}, asGeneratedSerial)
}

// listSerials answers with serials, the newest first. What all lists may be asked for is
// added to f.
func (s *Server) listSerials(ctx context.Context, in *ListParams, f *store.SerialFilter, as func(*store.SerialRecord) serialBody) (
	*output[listBody[serialBody]], error,
) {
	f.Number, f.LotNumber, f.Status = in.Number, in.Lot, in.Status
	var err error
	if f.From, err = readTime("from", in.From); err != nil {
		return nil, err
	}
	if f.To, err = readTime("to", in.To); err != nil {
		return nil, err
	}
	return page(ctx, &in.PageParams, rows[seriald.ID, store.SerialRecord]{
		read: func(ctx context.Context, before seriald.ID, limit int) ([]store.SerialRecord, error) {
			return s.deps.Database.Serials(ctx, f, before, limit)
		},
		count: func(ctx context.Context, most int) (int, error) { return s.deps.Database.CountSerials(ctx, f, most) },
		place: func(r *store.SerialRecord) seriald.ID { return r.ID },
	}, as)
}
