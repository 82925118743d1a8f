package api

import (
	"context"
	"time"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/store"
)

// stepBody is one step of a unit through the routing.
type stepBody struct {
	ID              seriald.ID              `json:"id"`
	PropagationID   seriald.ID              `json:"propagationId"`
	SerialID        seriald.ID              `json:"serialId"`
	SerialNumber    string                  `json:"serialNumber"`
	PropagationType seriald.PropagationType `json:"propagationType"`
	OperationCode   string                  `json:"operationCode"`
	WorkCenterID    string                  `json:"workCenterId,omitempty"`
	RoutingSequence *int                    `json:"routingSequence,omitempty"`
	Quantity        *int                    `json:"quantity,omitempty"`
	Notes           string                  `json:"notes,omitempty"`
	EventID         seriald.EventID         `json:"eventId"`
	PropagatedAt    time.Time               `json:"propagatedAt"`
}

func asStep(p *seriald.Propagation, number string) stepBody {
	return stepBody{
		ID: p.ID, PropagationID: p.PropagationID, SerialID: p.SerialID, SerialNumber: number, PropagationType: p.Type, OperationCode: p.OperationCode,
		WorkCenterID: p.WorkCenterID, RoutingSequence: p.RoutingSequence, Quantity: p.Quantity, Notes: p.Notes, EventID: p.EventID, PropagatedAt: p.CreatedAt,
	}
}

type stepsInput struct {
	PartParam
	PageParams
	OperationCode   string                  `query:"operationCode"`
	PropagationType seriald.PropagationType `query:"propagationType" enum:"PASS_THROUGH,SPLIT,MERGE,TRANSFORMATION"`
}

// propagationHistory lists the steps of the units of a part, the newest first.
func (s *Server) propagationHistory(ctx context.Context, in *stepsInput) (*output[listBody[stepBody]], error) {
	f := &store.PropagationFilter{PartID: in.PartID, OperationCode: in.OperationCode, Type: in.PropagationType}
	return page(ctx, &in.PageParams, rows[seriald.ID, store.PropagationRecord]{
		read: func(ctx context.Context, before seriald.ID, limit int) ([]store.PropagationRecord, error) {
			return s.deps.Database.Propagations(ctx, f, before, limit)
		},
		count: func(ctx context.Context, most int) (int, error) {
			return s.deps.Database.CountPropagations(ctx, f, most)
		},
		place: func(r *store.PropagationRecord) seriald.ID { return r.ID },
	}, func(r *store.PropagationRecord) stepBody { return asStep(&r.Propagation, r.SerialNumber) })
}

// propagationStatistics counts the steps of the units of a part.
func (s *Server) propagationStatistics(ctx context.Context, in *PartParam) (*output[store.PropagationStatistics], error) {
	counted, err := s.deps.Database.PropagationStatistics(ctx, in.PartID)
	if err != nil {
		return nil, unread(err, seriald.CodePartNotFound, "part")
	}
	return answer(*counted, nil)
}

// historyBody is what happened to a serial, the oldest first.
type historyBody struct {
	Serial    serialBody         `json:"serial"`
	History   []historyEntryBody `json:"history" doc:"What happened to the serial, the oldest first."`
	Truncated bool               `json:"truncated" doc:"Whether there is more than is here: a thousand of each kind."`
}

// historyEntryBody has one of what is not At.
type historyEntryBody struct {
	At          time.Time          `json:"at" doc:"When it happened."`
	Audit       *store.AuditRecord `json:"audit,omitempty"`
	Propagation *stepBody          `json:"propagation,omitempty"`
	Conflict    *conflictBody      `json:"conflict,omitempty"`
}

// serialHistory answers with what happened to a serial.
func (s *Server) serialHistory(ctx context.Context, in *IDParam) (*output[historyBody], error) {
	id, err := readID("id", in.ID)
	if err != nil {
		return nil, err
	}
	h, err := s.deps.Database.SerialHistory(ctx, id)
	if err != nil {
		return nil, unread(err, seriald.CodeSerialNotFound, "serial "+id.String())
	}
	body := historyBody{Serial: asSerial(&h.Serial), History: make([]historyEntryBody, len(h.Entries)), Truncated: h.Truncated}
	for i := range h.Entries {
		e := &h.Entries[i]
		body.History[i] = historyEntryBody{At: e.At, Audit: e.Audit}
		if e.Propagation != nil {
			step := asStep(&e.Propagation.Propagation, h.Serial.Number)
			body.History[i].Propagation = &step
		}
		if e.Conflict != nil {
			c := asConflict(e.Conflict)
			body.History[i].Conflict = &c
		}
	}
	return answer(body, nil)
}
