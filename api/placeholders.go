package api

import (
	"context"
	"time"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/store"
)

// placeholderBody is a unit that gets its number later, or got it.
type placeholderBody struct {
	ID            seriald.ID                `json:"id"`
	PartID        string                    `json:"partId"`
	SiteID        string                    `json:"siteId"`
	Status        seriald.PlaceholderStatus `json:"status"`
	WorkOrderID   string                    `json:"workOrderId,omitempty"`
	LotNumber     string                    `json:"lotNumber,omitempty"`
	OperationCode string                    `json:"operationCode,omitempty"`
	TriggerID     seriald.ID                `json:"triggerId,omitzero"`
	SerialID      seriald.ID                `json:"serialId,omitzero"`
	SerialNumber  string                    `json:"serialNumber,omitempty"`
	FailureReason string                    `json:"failureReason,omitempty"`
	Notes         string                    `json:"notes,omitempty"`
	EventID       seriald.EventID           `json:"eventId"`
	CreatedAt     time.Time                 `json:"createdAt"`
	ResolvedAt    time.Time                 `json:"resolvedAt,omitzero"`
}

func asPlaceholder(p *seriald.Placeholder) placeholderBody {
	return placeholderBody{
		ID: p.ID, PartID: p.PartID, SiteID: p.SiteID, Status: p.Status, WorkOrderID: p.WorkOrderID, LotNumber: p.LotNumber,
		OperationCode: p.OperationCode, TriggerID: p.TriggerID, SerialID: p.SerialID, FailureReason: p.FailureReason, Notes: p.Notes,
		EventID: p.EventID, CreatedAt: p.CreatedAt,
	}
}

// placeholder answers with a placeholder.
func (s *Server) placeholder(ctx context.Context, in *IDParam) (*output[placeholderBody], error) {
	id, err := readID("id", in.ID)
	if err != nil {
		return nil, err
	}
	found, err := s.deps.Database.Placeholder(ctx, id)
	if err != nil {
		return nil, unread(err, seriald.CodePlaceholderNotFound, "placeholder "+id.String())
	}
	body := asPlaceholder(&found.Placeholder)
	body.SerialNumber, body.ResolvedAt = found.SerialNumber, found.ResolvedAt
	return answer(body, nil)
}

type pendingInput struct {
	PageParams
	PartID    string `query:"partId"`
	WorkOrder string `query:"workOrderId"`
	Lot       string `query:"lotNumber"`
}

// pendingPlaceholders lists those that wait, in the order in which they get their
// numbers.
func (s *Server) pendingPlaceholders(ctx context.Context, in *pendingInput) (*output[listBody[placeholderBody]], error) {
	of := store.PendingRef{PartID: in.PartID, WorkOrderID: in.WorkOrder, LotNumber: in.Lot}
	return page(ctx, &in.PageParams, rows[store.PendingAfter, seriald.Placeholder]{
		read: func(ctx context.Context, after store.PendingAfter, limit int) ([]seriald.Placeholder, error) {
			some := of
			some.Count = limit
			return s.deps.Database.PendingPlaceholders(ctx, some, after)
		},
		count: func(ctx context.Context, most int) (int, error) {
			return s.deps.Database.CountPendingPlaceholders(ctx, of, most)
		},
		place: func(p *seriald.Placeholder) store.PendingAfter {
			return store.PendingAfter{CreatedAt: p.CreatedAt, ID: p.ID}
		},
	}, asPlaceholder)
}

// placeholderStatisticsBody tells what became of the placeholders of a part.
type placeholderStatisticsBody struct {
	TotalPending    int64   `json:"totalPending"`
	TotalSerialized int64   `json:"totalSerialized"`
	TotalFailed     int64   `json:"totalFailed"`
	SuccessRate     float64 `json:"successRate"` // percent of those that wait no longer; 0 if all do
	// AverageTimeToSerialization is how long those that got their numbers had waited,
	// OldestPending how long the oldest of those that wait has, in seconds.
	AverageTimeToSerialization float64 `json:"averageTimeToSerialization"`
	OldestPending              float64 `json:"oldestPending"`
}

func (s *Server) placeholderStatistics(ctx context.Context, in *PartParam) (*output[placeholderStatisticsBody], error) {
	counted, err := s.deps.Database.PlaceholderStatistics(ctx, in.PartID)
	if err != nil {
		return nil, unread(err, seriald.CodePartNotFound, "part")
	}
	body := placeholderStatisticsBody{
		TotalPending: counted.Pending, TotalSerialized: counted.Serialized, TotalFailed: counted.Failed,
		AverageTimeToSerialization: counted.AverageWait.Seconds(), OldestPending: counted.OldestWait.Seconds(),
	}
	if over := counted.Serialized + counted.Failed; over > 0 {
		body.SuccessRate = 100 * float64(counted.Serialized) / float64(over)
	}
	return answer(body, nil)
}
