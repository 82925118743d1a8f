package api

import (
	"context"
	"encoding/json"
	"time"

	"github.com/machshop/seriald"
)

// outcomeOutput is the answer of a write: the outcome of its event.
type outcomeOutput = output[seriald.Outcome]

// plainWrite is a write that names what it is about in its body.
func plainWrite(s *Server, typ seriald.EventType) func(context.Context, *WriteRequest) (*outcomeOutput, error) {
	return func(ctx context.Context, in *WriteRequest) (*outcomeOutput, error) {
		w, err := s.write(ctx, typ, in, nil)
		if err != nil {
			return nil, err
		}
		return answer(w.Outcome, nil)
	}
}

// byID is a write that names what it is about in its path.
func byID(s *Server, typ seriald.EventType, field string) func(context.Context, *writeIDInput) (*outcomeOutput, error) {
	return func(ctx context.Context, in *writeIDInput) (*outcomeOutput, error) {
		w, err := s.write(ctx, typ, &in.WriteRequest, map[string]string{field: in.ID})
		if err != nil {
			return nil, err
		}
		return answer(w.Outcome, nil)
	}
}

// bareInput is a write that says nothing but what it is about.
type bareInput struct {
	ID  string `path:"id"`
	Key string `header:"Idempotency-Key" doc:"The event's id."`
}

// bare is a write without a body.
func bare(s *Server, typ seriald.EventType, field string) func(context.Context, *bareInput) (*outcomeOutput, error) {
	write := byID(s, typ, field)
	return func(ctx context.Context, in *bareInput) (*outcomeOutput, error) {
		return write(ctx, &writeIDInput{ID: in.ID, WriteRequest: WriteRequest{Key: in.Key}})
	}
}

// receivedBody is a vendor's number that was taken.
type receivedBody struct {
	ID                 seriald.ID           `json:"id"`
	VendorSerialNumber string               `json:"vendorSerialNumber"`
	VendorName         string               `json:"vendorName"`
	PartID             string               `json:"partId"`
	Status             seriald.SerialStatus `json:"status"`
	ReceivedAt         time.Time            `json:"receivedAt"`
	EventID            seriald.EventID      `json:"eventId"`
}

// receiveVendor takes a vendor's number on a bought part.
func (s *Server) receiveVendor(ctx context.Context, in *WriteRequest) (*output[receivedBody], error) {
	w, err := s.write(ctx, seriald.TypeVendorSerialReceive, in, nil)
	if err != nil {
		return nil, err
	}
	var asked struct {
		VendorName string `json:"vendorName"`
	}
	if err := json.Unmarshal(w.asked, &asked); err != nil || len(w.Serials) != 1 {
		return nil, anotherRequest(w.EventID)
	}
	made := &w.Serials[0]
	return answer(receivedBody{made.ID, made.SerialNumber, asked.VendorName, made.PartID, made.Status, w.ProcessedAt, w.EventID}, nil)
}

// madeBody is a number that was made.
type madeBody struct {
	ID             seriald.ID           `json:"id"`
	SerialNumber   string               `json:"serialNumber"`
	PartID         string               `json:"partId"`
	FormatConfigID string               `json:"formatConfigId,omitempty"`
	Status         seriald.SerialStatus `json:"status"`
	GeneratedAt    time.Time            `json:"generatedAt"`
}

// generatedBody is one number, or several in data.
type generatedBody struct {
	ID             seriald.ID           `json:"id,omitzero"`
	SerialNumber   string               `json:"serialNumber,omitempty"`
	PartID         string               `json:"partId,omitempty"`
	FormatConfigID string               `json:"formatConfigId,omitempty"`
	Status         seriald.SerialStatus `json:"status,omitempty"`
	GeneratedAt    time.Time            `json:"generatedAt,omitzero"`
	Data           []madeBody           `json:"data,omitempty" doc:"If there are several."`
	Omitted        int                  `json:"serialsOmitted,omitempty" doc:"Serials beyond those in data; GET /api/v1/events/{eventId} has all."`
	EventID        seriald.EventID      `json:"eventId"`
}

// generate makes numbers.
func (s *Server) generate(ctx context.Context, in *WriteRequest) (*output[generatedBody], error) {
	w, err := s.write(ctx, seriald.TypeSerialGenerate, in, nil)
	if err != nil {
		return nil, err
	}
	made := make([]madeBody, len(w.Serials))
	for i, r := range w.Serials {
		made[i] = madeBody{r.ID, r.SerialNumber, r.PartID, w.FormatConfigID, r.Status, w.ProcessedAt}
	}
	body := generatedBody{EventID: w.EventID, Omitted: w.SerialsOmitted}
	if len(made) != 1 {
		body.Data = made
		return answer(body, nil)
	}
	m := &made[0]
	body.ID, body.SerialNumber, body.PartID, body.FormatConfigID, body.Status, body.GeneratedAt = m.ID, m.SerialNumber, m.PartID, m.FormatConfigID, m.Status, m.GeneratedAt
	return answer(body, nil)
}

// occur tells of an occurrence.
func (s *Server) occur(ctx context.Context, in *WriteRequest) (*outcomeOutput, error) {
	var of struct {
		TriggerType seriald.TriggerType `json:"triggerType"`
	}
	if err := json.Unmarshal(in.RawBody, &of); err != nil {
		return nil, invalidField("body", "must be a JSON object with the fields of this call")
	}
	typ := of.TriggerType.EventType()
	if typ == "" {
		return nil, invalidField("triggerType", "must be MATERIAL_RECEIPT, WORK_ORDER_CREATE, OPERATION_COMPLETE, QUALITY_CHECKPOINT or BATCH_COMPLETION, not %q", of.TriggerType)
	}
	return plainWrite(s, typ)(ctx, in)
}

// placeholdersBody are units that get their numbers later.
type placeholdersBody struct {
	ID      seriald.ID                `json:"id,omitzero" doc:"Of the first."`
	PartID  string                    `json:"partId,omitempty"`
	Status  seriald.PlaceholderStatus `json:"status,omitempty"`
	Data    []seriald.PlaceholderRef  `json:"data" doc:"Those that were made."`
	Omitted int                       `json:"placeholdersOmitted,omitempty" doc:"Placeholders beyond those in data; GET /api/v1/events/{eventId} has all."`
	EventID seriald.EventID           `json:"eventId"`
}

// createPlaceholders makes units that get their numbers later.
func (s *Server) createPlaceholders(ctx context.Context, in *WriteRequest) (*output[placeholdersBody], error) {
	w, err := s.write(ctx, seriald.TypePlaceholderCreate, in, nil)
	if err != nil {
		return nil, err
	}
	body := placeholdersBody{Data: append([]seriald.PlaceholderRef{}, w.Placeholders...), EventID: w.EventID, Omitted: w.PlaceholdersOmitted}
	if len(w.Placeholders) > 0 {
		p := &w.Placeholders[0]
		body.ID, body.PartID, body.Status = p.ID, p.PartID, p.Status
	}
	return answer(body, nil)
}
