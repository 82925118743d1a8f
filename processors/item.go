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
	online  bool               // what a device's status says
}

// isStatus reports whether it tells of its device and has no outcome.
func (it *item) isStatus() bool { return it.event.Type == seriald.TypeDeviceStatus }

// dead reports whether there is no outcome to refuse it with: it is no event, or
// a status that says nothing.
func (it *item) dead() bool { return it.event == nil || it.isStatus() && it.refused != nil }

// units is how many serials it asks for, as far as it says so itself; at least 1.
func (it *item) units() int {
	if it.event == nil || it.fields == nil || it.fields.Quantity == nil {
		return 1
	}
	return *it.fields.Quantity
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
	if it.isStatus() {
		online, err := it.event.DeviceStatus()
		if err != nil {
			it.refused = asRejection(err)
		}
		it.online = online
		return
	}
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
