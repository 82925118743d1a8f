package stream

import (
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nuid"

	"github.com/machshop/seriald"
)

// Headers of a dead letter; its body is the message as it came.
const (
	HeaderReason     = "Machshop-Reason"      // the code, as in the subject
	HeaderDetail     = "Machshop-Detail"      // what was wrong, for a person
	HeaderOrigin     = "Machshop-Origin"      // the MQTT topic or NATS subject it came on
	HeaderReceivedAt = "Machshop-Received-At" // RFC 3339
)

// DeadLetter returns the dead letter of a message that came on origin, refused
// with r.
func DeadLetter(r *seriald.Rejection, origin string, body []byte, at time.Time) *nats.Msg {
	m := nats.NewMsg(seriald.DeadLetterSubject(r.Code))
	m.Data = body
	m.Header.Set(HeaderReason, string(r.Code))
	m.Header.Set(HeaderDetail, oneLine(r.Error()))
	m.Header.Set(HeaderOrigin, oneLine(origin))
	m.Header.Set(HeaderReceivedAt, at.UTC().Format(time.RFC3339Nano))
	return m
}

// oneLine keeps a text from ending a header.
func oneLine(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c == '\r' || c == '\n' {
			b[i] = ' '
		}
	}
	return string(b)
}

// Refusal returns the message for the result stream that tells a device why its
// event was refused before it could be processed. id may be empty.
func Refusal(id seriald.EventID, r *seriald.Rejection, o seriald.Origin, at time.Time) *nats.Msg {
	outcome := seriald.Rejected(id, r, at.UTC().Truncate(time.Microsecond))
	body := seriald.EncodeResult(string(id)+".result."+nuid.Next(), outcome.Encode(), o, outcome.ProcessedAt)
	return NewMessage(seriald.ResultSubject(o), "", body)
}
