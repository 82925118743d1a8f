package processors

import (
	"encoding/json"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/stream"
)

// item is one event on its way through a batch.
type item struct {
	msg     jetstream.Msg // to acknowledge; nil in tests of the rules
	stored  time.Time     // when the stream took it
	event   *seriald.Event
	fields  *seriald.Fields    // nil if refused is set
	refused *seriald.Rejection // what is wrong with the fields
}

// decode reads an event of the stream. A message that is no event gives a
// *seriald.Rejection: it has no id under which an outcome could be kept, and
// becomes a dead letter.
func decode(msg jetstream.Msg, stored time.Time) (*item, error) {
	event, err := seriald.DecodeEvent(msg.Data())
	if err != nil {
		return nil, err
	}
	// The subject is where the publisher was allowed to write; a source of the
	// publisher's own shape may not say the site.
	if site, ok := stream.PartitionOf(msg.Subject()); ok && event.Origin.Site == "" {
		event.Origin.Site = site
	}
	it := &item{msg: msg, stored: stored, event: event}
	it.check()
	return it, nil
}

// check decodes the fields; what is wrong with them is kept for deciding, so
// that a refused event has its outcome and its audit, too.
func (it *item) check() {
	fields, err := it.event.Fields()
	if err != nil {
		rejection, ok := err.(*seriald.Rejection) //nolint:errorlint // Fields documents it
		if !ok {
			rejection = seriald.Reject(seriald.CodeValidation, "", "%v", err)
		}
		it.refused = rejection
		return
	}
	it.fields = fields
}

// performedBy is the person that the event names, else the device.
func (it *item) performedBy() string {
	if it.fields != nil && it.fields.PerformedBy != "" {
		return it.fields.PerformedBy
	}
	return it.event.Origin.Source()
}

// object returns the event's fields as conditions look at them.
func (it *item) object() map[string]any {
	var object map[string]any
	if err := json.Unmarshal(it.event.Data, &object); err != nil {
		return nil // can't be: check has decoded the same bytes
	}
	return object
}
