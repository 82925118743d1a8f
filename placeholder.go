package seriald

import "time"

// PlaceholderStatus is where a placeholder stands.
type PlaceholderStatus string

// The statuses of a placeholder.
const (
	PlaceholderPending    PlaceholderStatus = "PENDING"
	PlaceholderSerialized PlaceholderStatus = "SERIALIZED" // it has its number
	PlaceholderFailed     PlaceholderStatus = "FAILED"     // it will never get one
)

// Placeholder is one unit that gets its number later.
type Placeholder struct {
	ID            ID
	PartID        string
	SiteID        string
	Status        PlaceholderStatus
	WorkOrderID   string
	LotNumber     string
	OperationCode string // at which it was made
	TriggerID     ID     // that made it, if one did
	SerialID      ID     // the number it got; zero unless it is SERIALIZED
	FailureReason string // "" unless it is FAILED
	Notes         string // of who gave it its number
	EventID       EventID
	CreatedAt     time.Time
}

// Ref returns the placeholder as outcomes and events carry it.
func (p *Placeholder) Ref() PlaceholderRef {
	return PlaceholderRef{ID: p.ID, PartID: p.PartID, Status: p.Status, SerialID: p.SerialID}
}

// PlaceholderRef names a placeholder in an outcome or a serial event.
type PlaceholderRef struct {
	ID       ID                `json:"id"`
	PartID   string            `json:"partId"`
	Status   PlaceholderStatus `json:"status"`
	SerialID ID                `json:"serialId,omitzero"`
}
