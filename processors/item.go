package processors

import (
	"encoding/json"
	"errors"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/stream"
)

// item is one message on its way through a batch.
type item struct {
	taken                      // zero in tests of the rules
	event   *seriald.Event     // nil for a message that is no event
	fields  *seriald.Fields    // nil if refused is set
	refused *seriald.Rejection // what is wrong with the message or its fields
}

// decode reads a message of the stream. One that is no event has no id under
// which an outcome could be kept; it is refused, and becomes a dead letter.
func decode(t taken) *item {
	it := &item{taken: t}
	event, err := seriald.DecodeEvent(t.msg.Data())
	if err != nil {
		it.refused = asRejection(err)
		return it
	}
	// The subject is where the publisher was allowed to write: its site counts,
	// whatever the source says.
	if site, ok := stream.SiteOf(t.msg.Subject()); ok {
		event.Origin.Site = site
	}
	it.event = event
	it.check()
	return it
}

// check decodes the fields; what is wrong with them is kept for deciding, so
// that a refused event has its outcome and its audit, too.
func (it *item) check() {
	fields, err := it.event.Fields()
	if err != nil {
		it.refused = asRejection(err)
		return
	}
	it.fields = fields
}

// asRejection returns what the domain refused with.
func asRejection(err error) *seriald.Rejection {
	if rejection, ok := errors.AsType[*seriald.Rejection](err); ok {
		return rejection
	}
	return seriald.Reject(seriald.CodeValidation, "", "%v", err)
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
