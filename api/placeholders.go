package api

import (
	"net/http"
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
func (s *Server) placeholder(w http.ResponseWriter, r *http.Request) {
	q := query{Values: r.URL.Query()}
	id := q.pathID(r.PathValue("id"))
	if len(q.problems) > 0 {
		badRequest(w, q.problems)
		return
	}
	found, err := s.deps.Database.Placeholder(r.Context(), id)
	if err != nil {
		unread(w, err, seriald.CodePlaceholderNotFound, "placeholder "+id.String())
		return
	}
	body := asPlaceholder(&found.Placeholder)
	body.SerialNumber, body.ResolvedAt = found.SerialNumber, found.ResolvedAt
	reply(w, http.StatusOK, body)
}

// pendingPlaceholders lists those that wait, in the order in which they get their
// numbers.
func (s *Server) pendingPlaceholders(w http.ResponseWriter, r *http.Request) {
	q := query{Values: r.URL.Query()}
	q.only("partId", "workOrderId", "lotNumber", "limit", "cursor")
	limit, _, problems := page(q.Values)
	q.problems = append(q.problems, problems...)
	var after store.PendingAfter
	q.cursor(&after)
	if len(q.problems) > 0 {
		badRequest(w, q.problems)
		return
	}
	found, err := s.deps.Database.PendingPlaceholders(r.Context(), store.PendingRef{
		PartID: q.Get("partId"), WorkOrderID: q.Get("workOrderId"), LotNumber: q.Get("lotNumber"), Count: limit + 1,
	}, after)
	if err != nil {
		unread(w, err, codeNotFound, "placeholder")
		return
	}
	bodies := make([]placeholderBody, len(found))
	for i := range found {
		bodies[i] = asPlaceholder(&found[i])
	}
	reply(w, http.StatusOK, cut(bodies, limit, func(last *placeholderBody) string {
		return encodeCursor(store.PendingAfter{CreatedAt: last.CreatedAt, ID: last.ID})
	}))
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

func (s *Server) placeholderStatistics(w http.ResponseWriter, r *http.Request) {
	counted, err := s.deps.Database.PlaceholderStatistics(r.Context(), r.PathValue("partId"))
	if err != nil {
		unread(w, err, seriald.CodePartNotFound, "part")
		return
	}
	body := placeholderStatisticsBody{
		TotalPending: counted.Pending, TotalSerialized: counted.Serialized, TotalFailed: counted.Failed,
		AverageTimeToSerialization: counted.AverageWait.Seconds(), OldestPending: counted.OldestWait.Seconds(),
	}
	if over := counted.Serialized + counted.Failed; over > 0 {
		body.SuccessRate = 100 * float64(counted.Serialized) / float64(over)
	}
	reply(w, http.StatusOK, body)
}
