package seriald

import (
	"encoding/json"
	"strconv"
	"time"
)

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

type serialEventData struct {
	EventID       EventID     `json:"eventId"`
	Site          string      `json:"site"`
	Line          string      `json:"line,omitempty"`
	Device        string      `json:"device,omitempty"`
	PartID        string      `json:"partId,omitempty"`
	Serials       []SerialRef `json:"serials"`
	Conflict      *Conflict   `json:"conflict,omitempty"`
	TriggerID     ID          `json:"triggerId,omitzero"`
	WorkOrderID   string      `json:"workOrderId,omitempty"`
	LotNumber     string      `json:"lotNumber,omitempty"`
	OperationCode string      `json:"operationCode,omitempty"`
	Part          int         `json:"part"`
	Parts         int         `json:"parts"`
}

// SerialEvents derives the serial events of an outcome: each announcement in
// messages of at most size serials, numbered part of parts.
func SerialEvents(o *Outcome, origin Origin, key string, as []Announcement, size int) ([]SerialEvent, error) {
	var events []SerialEvent
	for n, a := range as {
		serials := o.Serials[min(a.First, len(o.Serials)):min(a.First+a.Count, len(o.Serials))]
		parts := max(1, (len(serials)+size-1)/size)
		for part := range parts {
			some := serials[part*size : min((part+1)*size, len(serials))]
			ev, err := encodeSerialEvent(o, origin, key, a, strconv.Itoa(n+1)+"."+strconv.Itoa(part+1), some, part+1, parts)
			if err != nil {
				return nil, err
			}
			events = append(events, ev)
		}
	}
	return events, nil
}

func encodeSerialEvent(o *Outcome, origin Origin, key string, a Announcement, suffix string,
	serials []SerialRef, part, parts int,
) (SerialEvent, error) {
	data := serialEventData{
		EventID: o.EventID, Site: origin.Site, Line: origin.Line, Device: origin.Device, PartID: key,
		Serials: serials, Conflict: o.Conflict, TriggerID: a.TriggerID, WorkOrderID: a.WorkOrderID,
		LotNumber: a.LotNumber, OperationCode: a.OperationCode, Part: part, Parts: parts,
	}
	if data.Serials == nil {
		data.Serials = []SerialRef{}
	}
	if len(serials) > 0 {
		data.PartID = serials[0].PartID
	}
	body, err := json.Marshal(data)
	if err != nil {
		return SerialEvent{}, err
	}
	id := string(o.EventID) + "." + a.Event + "." + suffix
	at := o.ProcessedAt.UTC().Truncate(time.Microsecond)
	ce, err := json.Marshal(cloudEvent{
		SpecVersion: "1.0", ID: id, Source: origin.Source(), Type: "machshop.serial." + a.Event,
		Subject: data.PartID, Time: &at, ContentType: "application/json", Data: body,
	})
	return SerialEvent{ID: id, Subject: SerialSubject(origin.Site, a.Event, data.PartID), Body: ce}, err
}
