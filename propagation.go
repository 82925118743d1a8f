package seriald

import "time"

// PropagationType is the kind of a step of units through the routing.
type PropagationType string

// PassThrough is a step that leaves a unit what it is.
const PassThrough PropagationType = "PASS_THROUGH"

// Propagation is one step of a unit through the routing.
type Propagation struct {
	ID              ID
	SerialID        ID // whose history it is
	Type            PropagationType
	PropagationID   ID // what the edges of one step share
	OperationCode   string
	WorkCenterID    string
	RoutingSequence *int
	Quantity        *int
	Notes           string
	EventID         EventID
	CreatedAt       time.Time
}
