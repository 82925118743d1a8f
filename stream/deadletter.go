package stream

import (
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"github.com/machshop/seriald"
)

// Headers of a dead letter; its body is the message as it came. Its Nats-Msg-Id
// is the letter's own id, a UUIDv7.
const (
	HeaderReason     = "Machshop-Reason"      // the code, as in the subject
	HeaderDetail     = "Machshop-Detail"      // what was wrong, for a person
	HeaderOrigin     = "Machshop-Origin"      // the MQTT topic or NATS subject it came on
	HeaderEventID    = "Machshop-Event-Id"    // the event's id, where one was read or made
	HeaderReceivedAt = "Machshop-Received-At" // RFC 3339
	// HeaderSize is set where the body is cut: the bytes it had. Only what no
	// event may be as long as is cut.
	HeaderSize = "Machshop-Size"
)

// headerRoom is what the headers of a message take at most, on top of its body.
const headerRoom = 8 << 10

// Letter is a message that can't be understood or processed.
type Letter struct {
	ID        seriald.ID // the letter's own
	Rejection *seriald.Rejection
	Origin    string // the MQTT topic or NATS subject it came on
	// EventID is the id that was read or made for it, "" if it did not come to
	// that. A replay keeps it.
	EventID seriald.EventID
	Body    []byte
	// Size is how many bytes the message had, if Body is not all of it; else 0.
	Size       int
	ReceivedAt time.Time
}

// DeadLetter returns l as a message for the dead letter stream. A body that no
// message of this server can carry is cut, or it would never be stored and hold
// up all that follows.
func (c *Conn) DeadLetter(l Letter) *nats.Msg {
	m := nats.NewMsg(seriald.DeadLetterSubject(l.Rejection.Code))
	m.Data = l.Body[:min(len(l.Body), c.MaxBody())]
	if size := max(l.Size, len(l.Body)); size > len(m.Data) {
		m.Header.Set(HeaderSize, strconv.Itoa(size))
	}
	m.Header.Set(jetstream.MsgIDHeader, l.ID.String())
	m.Header.Set(HeaderReason, string(l.Rejection.Code))
	m.Header.Set(HeaderDetail, headerText(l.Rejection.Error(), 1000))
	m.Header.Set(HeaderOrigin, headerText(l.Origin, 4000))
	if l.EventID != "" {
		m.Header.Set(HeaderEventID, string(l.EventID))
	}
	m.Header.Set(HeaderReceivedAt, l.ReceivedAt.UTC().Format(time.RFC3339Nano))
	return m
}

// MaxBody is the longest body, in bytes, that a message of this server can have
// beside our headers.
func (c *Conn) MaxBody() int {
	most := c.NATS.MaxPayload()
	if most <= 0 { // never connected
		most = defaultMaxPayload
	}
	return int(max(1024, most-headerRoom))
}

// defaultMaxPayload is the NATS server's own default.
const defaultMaxPayload = 1 << 20

// headerText keeps a text from ending a header, and bounds it.
func headerText(s string, most int) string {
	b := []byte(s[:min(len(s), most)])
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
