package seriald

import (
	"slices"
	"strconv"
)

// Announcement is what has to be told of an event besides its outcome. It names
// the serials by their place in the outcome, so that the two together, as the
// inbox keeps them, give the same serial events whenever they are published.
type Announcement struct {
	Event         string `json:"event"` // the {event} of the contract's section 5
	First         int    `json:"first"` // index into Outcome.Serials, or Outcome.Placeholders for [EventPlaceholder]
	Count         int    `json:"count"`
	TriggerID     ID     `json:"triggerId,omitzero"`
	WorkOrderID   string `json:"workOrderId,omitempty"`
	LotNumber     string `json:"lotNumber,omitempty"`
	OperationCode string `json:"operationCode,omitempty"`
}

// The serial events that are published.
const (
	EventReceived    = "received"
	EventAccepted    = "accepted"
	EventRejected    = "rejected"
	EventAssigned    = "assigned"
	EventConflict    = "conflict"
	EventResolved    = "resolved" // a conflict was
	EventPropagated  = "propagated"
	EventPlaceholder = "placeholder" // placeholders were made or changed
	EventRetired     = "retired"
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
	placeholders []PlaceholderRef
	part, parts  int
}

// SerialEvents derives the serial events of an outcome: each announcement in
// messages of at most size serials and, as long as they have more than one, of at
// most most bytes, numbered part of parts. partID is the part of an event that
// made no serial.
func SerialEvents(o *Outcome, origin Origin, partID string, as []Announcement, size, most int) []SerialEvent {
	var events []SerialEvent
	for n := range as {
		made := len(events)
		events = appendSerialEvents(events, o, origin, partID, &as[n], n+1, size)
		// Numbers and part ids may be such that fewer fit into a message.
		tooLong := func(e SerialEvent) bool { return len(e.Body) > most }
		for fewer := size / 2; fewer > 0 && slices.ContainsFunc(events[made:], tooLong); fewer /= 2 {
			events = appendSerialEvents(events[:made], o, origin, partID, &as[n], n+1, fewer)
		}
	}
	return events
}

// appendSerialEvents appends the messages of the n-th announcement.
func appendSerialEvents(events []SerialEvent, o *Outcome, origin Origin, partID string, a *Announcement, n, size int) []SerialEvent {
	serials, placeholders := a.of(o)
	units := max(len(serials), len(placeholders))
	parts := max(1, (units+size-1)/size)
	for part := range parts {
		d := serialEventData{
			outcome: o, origin: origin, partID: partID, announcement: a,
			serials: piece(serials, part, size), placeholders: piece(placeholders, part, size), part: part + 1, parts: parts,
		}
		switch {
		case len(d.serials) > 0:
			d.partID = d.serials[0].PartID
		case len(d.placeholders) > 0:
			d.partID = d.placeholders[0].PartID
		}
		events = append(events, d.event(n))
	}
	return events
}

// of returns what a tells of.
func (a *Announcement) of(o *Outcome) ([]SerialRef, []PlaceholderRef) {
	if a.Event == EventPlaceholder {
		return nil, o.Placeholders[min(a.First, len(o.Placeholders)):min(a.First+a.Count, len(o.Placeholders))]
	}
	return o.Serials[min(a.First, len(o.Serials)):min(a.First+a.Count, len(o.Serials))], nil
}

// piece returns the nth piece of size of all.
func piece[T any](all []T, n, size int) []T {
	return all[min(n*size, len(all)):min((n+1)*size, len(all))]
}

// event returns the message of the n-th announcement.
func (d *serialEventData) event(n int) SerialEvent {
	name := d.announcement.Event
	id := string(d.outcome.EventID) + "." + name + "." + strconv.Itoa(n) + "." + strconv.Itoa(d.part)
	ce := cloudEvent{
		ID: id, Source: d.origin.Source(), Type: "machshop.serial." + name, Subject: d.partID, Time: d.outcome.ProcessedAt,
		Data: d.append(make([]byte, 0, 320+160*len(d.serials)+160*len(d.placeholders))),
	}
	return SerialEvent{
		ID: id, Subject: SerialSubject(d.origin.Site, name, d.partID), Body: ce.append(make([]byte, 0, 256+len(ce.Data))),
	}
}
