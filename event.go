package seriald

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// EventID is the idempotency key of an event: an id is processed once, whatever
// the route, the restart or the repetition. At most [MaxEventIDLength] bytes.
type EventID string

// MaxEventIDLength is the longest event id that is taken, in bytes.
const MaxEventIDLength = 128

// Origin is the place an event came from: a device on a line of a site.
type Origin struct {
	Site, Line, Device string
}

// Source returns the CloudEvents source attribute, "/{site}/{line}/{device}".
func (o Origin) Source() string { return "/" + o.Site + "/" + o.Line + "/" + o.Device }

// ParseSource reads what [Origin.Source] wrote. A source of another shape (an
// MES that publishes directly may use its own) gives an Origin without line and
// device, for whose outcome there is no device to tell.
func ParseSource(s string) Origin {
	parts := strings.Split(strings.TrimPrefix(s, "/"), "/")
	if len(parts) == 3 && ValidToken(parts[0]) && ValidToken(parts[1]) && ValidToken(parts[2]) {
		return Origin{parts[0], parts[1], parts[2]}
	}
	return Origin{}
}

// Event is one event on its way to the processors.
type Event struct {
	ID     EventID
	Type   EventType
	Origin Origin
	// Key is what the event is ordered by: events of one key are processed in
	// the order of their arrival. By convention the part id.
	Key string
	// Time is when it happened by the device's clock; zero if it did not say.
	Time time.Time
	// Data is the JSON object of the type's fields, as it was sent; fields this
	// service does not know are kept in it.
	Data json.RawMessage
	// TraceParent is the W3C trace context the event came with, or "".
	TraceParent string
}

// EventType names what happened.
type EventType string

// The event types that are processed.
const (
	TypeMaterialReceipt        EventType = "material_receipt"
	TypeWorkOrderCreate        EventType = "work_order_create"
	TypeOperationComplete      EventType = "operation_complete"
	TypeQualityCheckpoint      EventType = "quality_checkpoint"
	TypeBatchCompletion        EventType = "batch_completion"
	TypeVendorSerialReceive    EventType = "vendor_serial_receive"
	TypeVendorSerialAccept     EventType = "vendor_serial_accept"
	TypeVendorSerialReject     EventType = "vendor_serial_reject"
	TypeSerialGenerate         EventType = "serial_generate"
	TypeSerialRetire           EventType = "serial_retire"
	TypePlaceholderCreate      EventType = "placeholder_create"
	TypePlaceholderAssign      EventType = "placeholder_assign"
	TypePlaceholderFail        EventType = "placeholder_fail"
	TypePropagationPassThrough EventType = "propagation_pass_through"
	TypeUniquenessRegister     EventType = "uniqueness_register"
	TypeConflictResolve        EventType = "conflict_resolve"
	TypeTriggerCreate          EventType = "trigger_create"
	TypeTriggerUpdate          EventType = "trigger_update"
	TypeTriggerEnable          EventType = "trigger_enable"
	TypeTriggerDisable         EventType = "trigger_disable"
	TypeTriggerDelete          EventType = "trigger_delete"
	TypeSitePut                EventType = "site_put"
	TypeSiteDelete             EventType = "site_delete"
	TypePartPut                EventType = "part_put"
	TypePartDelete             EventType = "part_delete"
	TypeFormatPut              EventType = "format_put"
	TypeFormatDelete           EventType = "format_delete"
)

// TypeDeviceStatus tells that a device came or went: its data is
// {"status":"online"} or {"status":"offline"}. It changes what is known of the
// device and nothing else, and has no outcome: a device that went has nobody to
// tell.
const TypeDeviceStatus EventType = "device_status"

// eventTypes are those that have an outcome, in the contract's order.
var eventTypes = []EventType{
	TypeMaterialReceipt, TypeWorkOrderCreate, TypeOperationComplete, TypeQualityCheckpoint, TypeBatchCompletion,
	TypeVendorSerialReceive, TypeVendorSerialAccept, TypeVendorSerialReject,
	TypeSerialGenerate, TypeSerialRetire,
	TypePlaceholderCreate, TypePlaceholderAssign, TypePlaceholderFail,
	TypePropagationPassThrough,
	TypeUniquenessRegister, TypeConflictResolve,
	TypeTriggerCreate, TypeTriggerUpdate, TypeTriggerEnable, TypeTriggerDisable, TypeTriggerDelete,
	TypeSitePut, TypeSiteDelete, TypePartPut, TypePartDelete, TypeFormatPut, TypeFormatDelete,
}

// EventTypes lists every type that has an outcome, in the contract's order.
func EventTypes() []EventType { return slices.Clone(eventTypes) }

// configuring are the types that change the master data.
var configuring = eventTypes[slices.Index(eventTypes, TypeTriggerCreate):]

// Configures reports whether events of type t change the master data.
func (t EventType) Configures() bool { return slices.Contains(configuring, t) }

// Alone reports whether events of type t are processed one by one: what follows such an
// event sees what it changed.
func (t EventType) Alone() bool { return t == TypeConflictResolve || t.Configures() }

// Known reports whether t is processed.
func (t EventType) Known() bool { return t == TypeDeviceStatus || slices.Contains(eventTypes, t) }

// UnknownType is the refusal of an event type that is not processed.
func UnknownType(t string) *Rejection {
	names := make([]string, 0, len(eventTypes))
	for _, k := range eventTypes {
		names = append(names, string(k))
	}
	return Reject(CodeUnknownType, "", "event type %q is not known; known are %s", t, strings.Join(names, ", "))
}

// ContentType is the media type of all messages on the streams.
const ContentType = "application/cloudevents+json"

const eventTypePrefix = "machshop.event."

// cloudEvent is CloudEvents 1.0 in structured JSON mode.
type cloudEvent struct {
	SpecVersion string          `json:"specversion"`
	ID          string          `json:"id"`
	Source      string          `json:"source"`
	Type        string          `json:"type"`
	Subject     string          `json:"subject,omitempty"`
	Time        time.Time       `json:"time"`
	TraceParent string          `json:"traceparent,omitempty"`
	Data        json.RawMessage `json:"data,omitempty"`
}

// Encode returns e as a CloudEvents 1.0 object in structured JSON mode. e.Data
// must be valid JSON.
func (e *Event) Encode() []byte {
	ce := cloudEvent{
		ID: string(e.ID), Source: e.Origin.Source(), Type: eventTypePrefix + string(e.Type), Subject: e.Key,
		Time: e.Time, TraceParent: e.TraceParent, Data: e.Data,
	}
	return ce.append(make([]byte, 0, 256+len(e.Data)))
}

// DecodeEvent reads a message of the event stream. The error is a *[Rejection]
// that says what about the envelope is wrong; the data's fields are judged by
// [Event.Fields].
func DecodeEvent(b []byte) (*Event, error) {
	// The decoder would mend it in texts and leave it in the raw data, which the
	// database then refuses.
	if !utf8.Valid(b) {
		return nil, Reject(CodeValidation, "", "message is not valid UTF-8")
	}
	var ce cloudEvent
	if err := json.Unmarshal(b, &ce); err != nil {
		return nil, jsonRejection(err)
	}
	if ce.SpecVersion != "1.0" {
		return nil, Reject(CodeValidation, "specversion", "must be \"1.0\": messages on the event stream are CloudEvents 1.0 in structured JSON")
	}
	if err := CheckEventID(ce.ID); err != nil {
		return nil, err
	}
	typ, ok := strings.CutPrefix(ce.Type, eventTypePrefix)
	if !ok || !EventType(typ).Known() {
		return nil, UnknownType(typ)
	}
	if !isObject(ce.Data) {
		return nil, Reject(CodeValidation, "data", "must be a JSON object with the fields of %s", typ)
	}
	e := &Event{
		ID: EventID(ce.ID), Type: EventType(typ), Origin: ParseSource(ce.Source),
		Key: ce.Subject, Time: ce.Time, Data: ce.Data, TraceParent: ce.TraceParent,
	}
	return e, nil
}

// CheckEventID refuses an id that can't be an idempotency key. The error is a
// *[Rejection].
func CheckEventID(id string) error {
	switch {
	case id == "":
		return Reject(CodeValidation, "id", "must not be empty")
	case len(id) > MaxEventIDLength:
		return Reject(CodeValidation, "id", "must not be longer than %d bytes", MaxEventIDLength)
	case strings.ContainsFunc(id, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\uFFFD' }):
		return Reject(CodeValidation, "id", "must not contain control characters or broken UTF-8")
	}
	return nil
}

// isObject tells by its first byte whether valid JSON is an object.
func isObject(b []byte) bool {
	b = bytes.TrimLeft(b, " \t\r\n")
	return len(b) > 0 && b[0] == '{'
}

// jsonRejection turns an error of encoding/json into a refusal that names the
// field, or the position for text that is not JSON at all.
func jsonRejection(err error) *Rejection {
	if typ, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		field := strings.TrimPrefix(typ.Field, "Fields.") // of what is embedded
		if field == "" {
			return Reject(CodeValidation, "", "must be a JSON object, not %s", typ.Value)
		}
		return Reject(CodeValidation, field, "must be %s, not %s", jsonKind(typ.Type), typ.Value)
	}
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return Reject(CodeValidation, "", "not valid JSON at byte %d: %v", syntax.Offset, syntax)
	}
	if at, ok := errors.AsType[*time.ParseError](err); ok {
		return Reject(CodeValidation, "time", "%s is not an RFC 3339 time with offset", at.Value)
	}
	// Nothing but the time decodes itself, and so may say something else.
	return Reject(CodeValidation, "time", "must be a string with an RFC 3339 time with offset")
}

// jsonKind is what JSON calls a type of Go.
func jsonKind(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Pointer:
		return jsonKind(t.Elem())
	case reflect.String:
		return "a string"
	case reflect.Int, reflect.Int64:
		return "a whole number"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice:
		if t.Elem().Kind() == reflect.String {
			return "an array of strings"
		}
		return "an array"
	}
	return "an object"
}
