package ingest

import (
	"bytes"
	"encoding/json"
	"errors"
	"time"
	"unicode/utf8"

	"github.com/machshop/seriald"
)

// maxNesting is how deep an event's JSON may be nested: far beyond what events
// are, and within what the decoders on the way take, which see it within a
// CloudEvent and within an audit record.
const maxNesting = 1000

// envelope is what the bridge reads of an event: the common fields, the key,
// and, for CloudEvents, the data.
type envelope struct {
	SpecVersion string          `json:"specversion"`
	ID          json.RawMessage `json:"id"`
	Time        json.RawMessage `json:"time"`
	TraceParent string          `json:"traceparent"`
	Data        json.RawMessage `json:"data"`
	seriald.KeyFields
}

// Decode turns what a device published on topic into an event: plain JSON with
// the type's fields, or a CloudEvents 1.0 JSON object whose data holds them. An
// event without an id gets one from newID. It never panics.
//
// The error is a *[seriald.Rejection]; the event then has what could be read of
// origin and id, so that the device can be told.
func Decode(topic string, payload []byte, maxPayload int, newID func() string) (*seriald.Event, error) {
	e := &seriald.Event{}
	origin, eventType, err := seriald.ParseEventTopic(topic)
	e.Origin, e.Type = origin, seriald.EventType(eventType)
	if err != nil {
		return e, err
	}
	if len(payload) > maxPayload {
		return e, seriald.Reject(seriald.CodePayloadTooLarge, "", "payload has %d bytes; at most %d are taken", len(payload), maxPayload)
	}
	if !utf8.Valid(payload) {
		return e, seriald.Reject(seriald.CodeValidation, "", "payload is not valid UTF-8")
	}
	if nesting(payload) > maxNesting {
		return e, seriald.Reject(seriald.CodeValidation, "", "payload is nested deeper than %d", maxNesting)
	}
	env, err := readEnvelope(payload)
	if err != nil {
		return e, err
	}
	if e.ID, err = readID(env.ID, newID); err != nil {
		return e, err
	}
	if !e.Type.Known() {
		return e, seriald.UnknownType(eventType)
	}
	e.Data = payload
	if env.SpecVersion != "" {
		if e.Data, err = cloudEventData(env); err != nil {
			return e, err
		}
	}
	if e.Time, err = readTime(env.Time); err != nil {
		return e, err
	}
	e.TraceParent = env.TraceParent
	e.Key = env.Key(origin.Device)
	return e, nil
}

// nesting returns how deep JSON is nested; 0 if it is too short to be nested too
// deep.
func nesting(payload []byte) int {
	if len(payload) <= maxNesting {
		return 0
	}
	depth, deepest, text := 0, 0, false
	for i := 0; i < len(payload); i++ {
		switch c := payload[i]; {
		case text && c == '\\':
			i++
		case c == '"':
			text = !text
		case text:
		case c == '{', c == '[':
			depth++
			deepest = max(deepest, depth)
		case c == '}', c == ']':
			depth--
		}
	}
	return deepest
}

func readEnvelope(payload []byte) (*envelope, error) {
	var env envelope
	err := json.Unmarshal(payload, &env)
	if err == nil && !bytes.HasPrefix(bytes.TrimLeft(payload, " \t\r\n"), []byte("{")) {
		err = errors.New("not an object") // null is no error to the decoder
	}
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return nil, seriald.Reject(seriald.CodeValidation, "", "payload is not valid JSON at byte %d: %v", syntax.Offset, syntax)
	}
	// A field of the wrong type is judged with the type's other fields, later,
	// and then has an outcome; the key is just not found in it.
	if typ, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && typ.Field != "" {
		return &env, nil
	}
	if err != nil {
		return nil, seriald.Reject(seriald.CodeValidation, "", "payload must be a JSON object")
	}
	return &env, nil
}

func readID(raw json.RawMessage, newID func() string) (seriald.EventID, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return seriald.EventID(newID()), nil
	}
	var id string
	if err := json.Unmarshal(raw, &id); err != nil {
		return "", seriald.Reject(seriald.CodeValidation, "id", "must be a string")
	}
	if err := seriald.CheckEventID(id); err != nil {
		return "", err
	}
	return seriald.EventID(id), nil
}

func cloudEventData(env *envelope) (json.RawMessage, error) {
	if env.SpecVersion != "1.0" {
		return nil, seriald.Reject(seriald.CodeValidation, "specversion", "must be \"1.0\", not %q", env.SpecVersion)
	}
	data, err := readEnvelope(env.Data)
	if err != nil {
		return nil, seriald.Reject(seriald.CodeValidation, "data", "must be a JSON object with the event's fields")
	}
	env.KeyFields = data.KeyFields
	return env.Data, nil
}

func readTime(raw json.RawMessage) (time.Time, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return time.Time{}, nil
	}
	var t time.Time
	if err := json.Unmarshal(raw, &t); err != nil {
		return t, seriald.Reject(seriald.CodeValidation, "time", "%s is not an RFC 3339 time with offset", raw)
	}
	return t, nil
}
