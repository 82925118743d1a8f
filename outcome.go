package seriald

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"time"
)

// Status says what became of an event.
type Status string

// The statuses of the contract, section 4.
const (
	StatusAccepted Status = "accepted" // done
	StatusRejected Status = "rejected" // a bad request or a broken rule; nothing changed
	StatusConflict Status = "conflict" // a number is taken; the holder keeps it
	StatusIgnored  Status = "ignored"  // understood, and nothing to do
)

// Outcome is the answer to one event. It is written in the transaction of the
// change it tells of and given again, marked as duplicate, to every repeat.
type Outcome struct {
	EventID EventID     `json:"eventId"`
	Status  Status      `json:"status"`
	Code    Code        `json:"code,omitempty"`
	Message string      `json:"message,omitempty"`
	Field   string      `json:"field,omitempty"`
	Serials []SerialRef `json:"serials,omitempty"`
	// SerialsOmitted counts the serials that the event made beyond those in
	// Serials, where a message could not hold all of them. The inbox, and so GET
	// /api/v1/events/{id}, has all of them.
	SerialsOmitted int `json:"serialsOmitted,omitempty"`
	// Placeholders are those that were made or changed; PlaceholdersOmitted counts
	// as SerialsOmitted does.
	Placeholders        []PlaceholderRef `json:"placeholders,omitempty"`
	PlaceholdersOmitted int              `json:"placeholdersOmitted,omitempty"`
	TriggerID           ID               `json:"triggerId,omitzero"`       // the trigger that was added or changed
	FormatConfigID      string           `json:"formatConfigId,omitempty"` // the format of the numbers that were asked for (serial_generate)
	Conflict            *Conflict        `json:"conflict,omitempty"`
	ProcessedAt         time.Time        `json:"processedAt"`
	Duplicate           bool             `json:"duplicate,omitempty"`
}

// SerialRef names a serial in an outcome or a serial event.
type SerialRef struct {
	ID           ID           `json:"id"`
	SerialNumber string       `json:"serialNumber"`
	PartID       string       `json:"partId"`
	Status       SerialStatus `json:"status"`
}

// Rejected returns the outcome that tells the sender of id about r.
func Rejected(id EventID, r *Rejection, at time.Time) Outcome {
	return Outcome{
		EventID: id, Status: StatusRejected, Code: r.Code, Field: r.Field, Message: r.Message, ProcessedAt: at,
	}
}

// resultType is the CloudEvents type of an outcome on the result stream.
const resultType = "machshop.result"

// EncodeResult returns an outcome's JSON as the CloudEvent that goes to the
// result stream; id is the CloudEvent's own.
func EncodeResult(id string, outcome []byte, origin Origin, at time.Time) []byte {
	ce := cloudEvent{ID: id, Source: origin.Source(), Type: resultType, Time: at, Data: outcome}
	return ce.append(make([]byte, 0, 224+len(outcome)))
}

// MarkDuplicate returns the JSON of a stored outcome as a repeat gets it: with
// "duplicate": true.
func MarkDuplicate(outcome []byte) []byte {
	end := bytes.LastIndexByte(outcome, '}')
	if end < 0 {
		return outcome
	}
	return append(slices.Clip(outcome[:end]), `,"duplicate":true}`...)
}

// ResultData returns the outcome's JSON out of a message that [EncodeResult]
// wrote: what a device gets.
//
// It is done for each outcome, so it looks instead of parsing: data comes last,
// and its name can't occur before, since a quote within a string is escaped.
func ResultData(message []byte) (json.RawMessage, error) {
	head, data, ok := bytes.Cut(message, []byte(`,"data":`))
	if !ok || !bytes.Contains(head, []byte(`,"type":"`+resultType+`"`)) || !bytes.HasSuffix(data, []byte("}}")) {
		return nil, errors.New("decode result: not an outcome of this service")
	}
	return data[:len(data)-1], nil
}
