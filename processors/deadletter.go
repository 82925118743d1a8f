package processors

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/store"
	"github.com/machshop/seriald/stream"
)

// reasonOther stands for what is no reason of ours: anybody who may publish to
// the dead letter stream can write what he likes into a letter.
const reasonOther = "OTHER"

// reasonLabel is a reason as a metric label, of which there is a closed set.
func reasonLabel(reason string) string {
	if slices.Contains(seriald.DeadLetterCodes(), seriald.Code(reason)) {
		return reason
	}
	return reasonOther
}

// The longest reason and origin that are recorded, in bytes; what is beyond is
// cut. One is indexed, the other a topic or subject.
const (
	maxReason = 64
	maxText   = 8 << 10
)

// readLetter reads a message of the dead letter stream. Whatever it holds becomes
// a row: what can't be read is left empty, what can't be stored is replaced.
func readLetter(subject string, headers nats.Header, body []byte, meta *jetstream.MsgMetadata) store.DeadLetter {
	l := store.DeadLetter{
		Reason: storable(headers.Get(stream.HeaderReason), maxReason), Detail: storable(headers.Get(stream.HeaderDetail), maxText),
		Origin: storable(headers.Get(stream.HeaderOrigin), maxText), Payload: body, Size: int64(len(body)),
		Headers: map[string][]string{}, ReceivedAt: meta.Timestamp,
	}
	var err error
	if l.ID, err = seriald.ParseID(headers.Get(jetstream.MsgIDHeader)); err != nil || l.ID.IsZero() {
		l.ID = letterID(seriald.StreamDeadLetters, meta.Sequence.Stream, meta.Timestamp)
	}
	if l.Reason == "" {
		l.Reason = storable(strings.ToUpper(strings.TrimPrefix(subject, "machshop.dead.")), maxReason)
	}
	if id := headers.Get(stream.HeaderEventID); seriald.CheckEventID(id) == nil {
		l.EventID = seriald.EventID(id)
	}
	if size, err := strconv.ParseInt(headers.Get(stream.HeaderSize), 10, 64); err == nil && size > l.Size {
		l.Size = size
	}
	if at, err := time.Parse(time.RFC3339Nano, headers.Get(stream.HeaderReceivedAt)); err == nil {
		l.ReceivedAt = at
	}
	for name, values := range headers {
		for _, v := range values {
			name := storable(name, maxText)
			l.Headers[name] = append(l.Headers[name], storable(v, maxText))
		}
	}
	return l
}

// storable returns s as a text column takes it: valid UTF-8 without NUL, at most
// most bytes.
func storable(s string, most int) string {
	s = strings.ReplaceAll(s[:min(len(s), most)], "\x00", "\uFFFD")
	return strings.ToValidUTF8(s, "\uFFFD")
}

// letterID is the id of the letter that a message of a stream becomes: the same
// whenever it is asked for, so that a message that comes again after a crash
// makes no second letter. A UUIDv8 (RFC 9562, section 5.8) that begins with the
// time as version 7 does.
func letterID(streamName string, sequence uint64, stored time.Time) seriald.ID {
	hash := sha256.Sum256([]byte(streamName + " " + strconv.FormatUint(sequence, 10) + " " + strconv.FormatInt(stored.UnixNano(), 10)))
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(stored.UnixMilli()))
	var id seriald.ID
	copy(id[:6], ms[2:])
	copy(id[6:], hash[:])
	id[6] = id[6]&0x0f | 0x80
	id[8] = id[8]&0x3f | 0x80
	return id
}
