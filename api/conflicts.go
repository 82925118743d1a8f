package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/store"
)

// conflictStatus says whether somebody still has to resolve a conflict.
type conflictStatus string

const (
	conflictOpen     conflictStatus = "OPEN"
	conflictResolved conflictStatus = "RESOLVED"
)

// conflictBody is a number that was asked for and is claimed.
type conflictBody struct {
	ID              seriald.ID         `json:"id"`
	Status          conflictStatus     `json:"status"`
	SerialNumber    string             `json:"serialNumber"`
	CanonicalNumber string             `json:"canonicalNumber"`
	Holder          holderBody         `json:"holder"`
	Challengers     []challengerBody   `json:"challengers"` // the first hundred, the oldest first
	CreatedAt       time.Time          `json:"createdAt"`
	Resolution      seriald.Resolution `json:"resolution,omitempty"`
	Reason          string             `json:"reason,omitempty"`
	ResolvedBy      string             `json:"resolvedBy,omitempty"`
	ResolvedByEvent seriald.EventID    `json:"resolvedByEventId,omitempty"`
	ResolvedAt      time.Time          `json:"resolvedAt,omitzero"`
}

// challengerBody is an event that asked for a number that is claimed, and what it
// wanted it for.
type challengerBody struct {
	EventID       seriald.EventID   `json:"eventId"`
	EventType     seriald.EventType `json:"eventType"`
	PerformedBy   string            `json:"performedBy"`
	PartID        string            `json:"partId"`
	SerialNumber  string            `json:"serialNumber"`
	Scopes        []seriald.Scope   `json:"scopes"`
	Source        seriald.Source    `json:"source,omitempty"`
	SiteID        string            `json:"siteId,omitempty"`
	VendorName    string            `json:"vendorName,omitempty"`
	ReceivedDate  string            `json:"receivedDate,omitempty"`
	WorkOrderID   string            `json:"workOrderId,omitempty"`
	LotNumber     string            `json:"lotNumber,omitempty"`
	OperationCode string            `json:"operationCode,omitempty"`
	Line          string            `json:"line,omitempty"`
	Device        string            `json:"device,omitempty"`
	Attributes    json.RawMessage   `json:"attributes,omitempty"`
	PlaceholderID seriald.ID        `json:"placeholderId,omitzero"`
	SerialID      seriald.ID        `json:"serialId,omitzero"` // that the resolution made of it
	CreatedAt     time.Time         `json:"createdAt"`
}

func asConflict(c *store.Conflict) conflictBody {
	body := conflictBody{
		ID: c.ID, Status: conflictOpen, SerialNumber: c.Holder.Number, CanonicalNumber: c.Canonical, Holder: asHolder("", &c.Holder),
		Challengers: make([]challengerBody, len(c.Challengers)), CreatedAt: c.CreatedAt,
		Resolution: c.Resolution, Reason: c.Reason, ResolvedBy: c.ResolvedBy, ResolvedByEvent: c.ResolvedEvent, ResolvedAt: c.ResolvedAt,
	}
	if c.Resolution != "" {
		body.Status = conflictResolved
	}
	for i := range c.Challengers {
		body.Challengers[i] = asChallenger(&c.Challengers[i])
	}
	return body
}

func asChallenger(c *store.Challenger) challengerBody {
	body := challengerBody{
		EventID: c.EventID, EventType: c.EventType, PerformedBy: c.PerformedBy, PartID: c.PartID, SerialNumber: c.Number, Scopes: c.Scopes,
		PlaceholderID: c.PlaceholderID, SerialID: c.SerialID, CreatedAt: c.CreatedAt,
	}
	if s := c.Serial; s != nil {
		body.Source, body.SiteID, body.VendorName, body.ReceivedDate = s.Source, s.SiteID, s.VendorName, s.ReceivedDate
		body.WorkOrderID, body.LotNumber, body.OperationCode = s.WorkOrderID, s.LotNumber, s.OperationCode
		body.Line, body.Device, body.Attributes = s.Line, s.Device, s.Attributes
	}
	return body
}

type conflictsInput struct {
	PageParams
	PartID string `query:"partId" doc:"That has the number, or asked for it."`
}

// pendingConflicts lists those that nobody has resolved, the oldest first.
func (s *Server) pendingConflicts(ctx context.Context, in *conflictsInput) (*output[listBody[conflictBody]], error) {
	return s.listConflicts(ctx, in, false, s.deps.Database.PendingConflicts, func(c *store.Conflict) time.Time { return c.CreatedAt })
}

// conflictHistory lists those that were resolved, the last one first.
func (s *Server) conflictHistory(ctx context.Context, in *conflictsInput) (*output[listBody[conflictBody]], error) {
	return s.listConflicts(ctx, in, true, s.deps.Database.ConflictHistory, func(c *store.Conflict) time.Time { return c.ResolvedAt })
}

func (s *Server) listConflicts(ctx context.Context, in *conflictsInput, resolved bool,
	read func(ctx context.Context, partID string, after store.ConflictsAfter, limit int) ([]*store.Conflict, error), at func(*store.Conflict) time.Time,
) (*output[listBody[conflictBody]], error) {
	return page(ctx, &in.PageParams, rows[store.ConflictsAfter, *store.Conflict]{
		read: func(ctx context.Context, after store.ConflictsAfter, limit int) ([]*store.Conflict, error) {
			return read(ctx, in.PartID, after, limit)
		},
		count: func(ctx context.Context, most int) (int, error) {
			return s.deps.Database.CountConflicts(ctx, in.PartID, resolved, most)
		},
		place: func(c **store.Conflict) store.ConflictsAfter {
			return store.ConflictsAfter{At: at(*c), ID: (*c).ID}
		},
		unread: func(err error) error {
			if errors.Is(err, store.ErrTooBroad) {
				return newProblem(http.StatusUnprocessableEntity, seriald.CodeValidation, "too much would have to be looked through for one part: ask without partId")
			}
			return unread(err, codeNotFound, "conflict")
		},
	}, func(c **store.Conflict) conflictBody { return asConflict(*c) })
}
