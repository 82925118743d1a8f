package seriald

import "strconv"

// Announcement is what has to be told of an event besides its outcome. It names
// the serials by their place in the outcome, so that the two together, as the
// inbox keeps them, give the same serial events whenever they are published.
type Announcement struct {
	Event         string `json:"event"` // the {event} of the contract's section 5
	First         int    `json:"first"` // index into Outcome.Serials
	Count         int    `json:"count"`
	TriggerID     ID     `json:"triggerId,omitzero"`
	WorkOrderID   string `json:"workOrderId,omitempty"`
	LotNumber     string `json:"lotNumber,omitempty"`
	OperationCode string `json:"operationCode,omitempty"`
}

// The serial events that are published.
const (
	EventAssigned = "assigned"
	EventReceived = "received"
	EventConflict = "conflict"
)

// SerialEvent is a message of the serial stream: a CloudEvent whose id is
// derived from the event it follows from, so that a repeat has the same id.
type SerialEvent struct {
	ID      string
	Subject string // the JetStream subject
	Body    []byte // CloudEvents 1.0, structured JSON
}

// serialEventData is the data of a serial event.
type serialEventData struct {
	outcome      *Outcome
	origin       Origin
	partID       string
	announcement *Announcement
	serials      []SerialRef
	part, parts  int
}

// SerialEvents derives the serial events of an outcome: each announcement in
// messages of at most size serials, numbered part of parts. partID is the part of
// an event that made no serial.
func SerialEvents(o *Outcome, origin Origin, partID string, as []Announcement, size int) []SerialEvent {
	var events []SerialEvent
	for n := range as {
		a := &as[n]
		serials := o.Serials[min(a.First, len(o.Serials)):min(a.First+a.Count, len(o.Serials))]
		parts := max(1, (len(serials)+size-1)/size)
		for part := range parts {
			d := serialEventData{
				outcome: o, origin: origin, partID: partID, announcement: a,
				serials: serials[part*size : min((part+1)*size, len(serials))], part: part + 1, parts: parts,
			}
			if len(d.serials) > 0 {
				d.partID = d.serials[0].PartID
			}
			events = append(events, d.event(n+1))
		}
	}
	return events
}

// event returns the message of the n-th announcement.
func (d *serialEventData) event(n int) SerialEvent {
	name := d.announcement.Event
	id := string(d.outcome.EventID) + "." + name + "." + strconv.Itoa(n) + "." + strconv.Itoa(d.part)
	ce := cloudEvent{
		ID: id, Source: d.origin.Source(), Type: "machshop.serial." + name, Subject: d.partID, Time: d.outcome.ProcessedAt,
		Data: d.append(make([]byte, 0, 320+160*len(d.serials))),
	}
	return SerialEvent{
		ID: id, Subject: SerialSubject(d.origin.Site, name, d.partID), Body: ce.append(make([]byte, 0, 256+len(ce.Data))),
	}
}
