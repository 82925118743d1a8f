package ingest

import (
	"bytes"
	"encoding/json"
	"errors"
	"time"
	"unicode/utf8"

	"github.com/machshop/seriald"
)

// envelope is what the bridge reads of an event: the common fields, the key,
// and, for CloudEvents, the data.
type envelope struct {
	// SpecVersion tells a CloudEvent by being there at all.
	SpecVersion json.RawMessage `json:"specversion"`
	ID          json.RawMessage `json:"id"`
	Time        json.RawMessage `json:"time"`
	TraceParent string          `json:"traceparent"`
	Data        json.RawMessage `json:"data"`
	seriald.KeyFields
}

// decodeJSON reads plain JSON with the type's fields, or a CloudEvents 1.0 JSON
// object whose data holds them, into e.
func (r *route) decodeJSON(e *seriald.Event, levels []string, payload []byte, maxDepth int, newID func() string) error {
	if !utf8.Valid(payload) {
		return seriald.Reject(seriald.CodeValidation, "", "payload is not valid UTF-8")
	}
	if nestedDeeper(payload, maxDepth) {
		return seriald.Reject(seriald.CodeValidation, "", "payload is nested deeper than %d", maxDepth)
	}
	env, err := readEnvelope(payload)
	if err != nil {
		return err
	}
	if len(r.rename) > 0 && len(env.SpecVersion) == 0 {
		renamed, err := renameFields(payload, r.rename)
		if err != nil {
			e.ID, _ = readID(env.ID, newID) // of use only to tell the device
			return err
		}
		payload = renamed
		if env, err = readEnvelope(payload); err != nil {
			return err
		}
	}
	if e.ID, err = readID(env.ID, newID); err != nil {
		return err
	}
	if !publishable(e.Type) {
		return seriald.UnknownType(string(e.Type))
	}
	e.Data = payload
	key := env.KeyFields
	if len(env.SpecVersion) > 0 {
		if e.Data, key, err = r.cloudEventData(env); err != nil {
			return err
		}
	}
	if len(r.defaults) > 0 {
		if e.Data, key, err = r.withDefaults(e.Data, e.Origin, levels); err != nil {
			return err
		}
	}
	if e.Time, err = readTime(env.Time); err != nil {
		return err
	}
	e.TraceParent = env.TraceParent
	e.Key = key.Key(e.Origin.Device)
	return nil
}

// nestedDeeper reports whether JSON is nested deeper than most.
func nestedDeeper(payload []byte, most int) bool {
	// Few brackets can't be nested deep, and counting them is a tenth of the work.
	if bytes.Count(payload, []byte{'{'})+bytes.Count(payload, []byte{'['}) <= most {
		return false
	}
	depth, text := 0, false
	for i := 0; i < len(payload); i++ {
		switch c := payload[i]; {
		case text && c == '\\':
			i++
		case c == '"':
			text = !text
		case text:
		case c == '{', c == '[':
			if depth++; depth > most {
				return true
			}
		case c == '}', c == ']':
			depth--
		}
	}
	return false
}

func readEnvelope(payload []byte) (*envelope, error) {
	var env envelope
	err := json.Unmarshal(payload, &env)
	if err == nil && !isObject(payload) {
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

// isObject tells by its first byte whether valid JSON is an object.
func isObject(b []byte) bool {
	for _, c := range b {
		if c != ' ' && c != '\t' && c != '\r' && c != '\n' {
			return c == '{'
		}
	}
	return false
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

func (r *route) cloudEventData(env *envelope) (json.RawMessage, seriald.KeyFields, error) {
	var version string
	if err := json.Unmarshal(env.SpecVersion, &version); err != nil || version != "1.0" {
		return nil, seriald.KeyFields{}, seriald.Reject(seriald.CodeValidation, "specversion", "must be \"1.0\", not %.40s", env.SpecVersion)
	}
	data := env.Data
	if !isObject(data) {
		return nil, seriald.KeyFields{}, seriald.Reject(seriald.CodeValidation, "data", "must be a JSON object with the event's fields")
	}
	if len(r.rename) > 0 {
		var err error
		if data, err = renameFields(data, r.rename); err != nil {
			return nil, seriald.KeyFields{}, err
		}
	}
	key, err := readKey(data)
	return data, key, err
}

// readKey reads the key's fields of data, a JSON object.
func readKey(data []byte) (seriald.KeyFields, error) {
	env, err := readEnvelope(data)
	if err != nil {
		return seriald.KeyFields{}, err
	}
	return env.KeyFields, nil
}

func readTime(raw json.RawMessage) (time.Time, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return time.Time{}, nil
	}
	var t time.Time
	if err := json.Unmarshal(raw, &t); err != nil {
		return t, seriald.Reject(seriald.CodeValidation, "time", "%.80s is not an RFC 3339 time with offset", raw)
	}
	return t, nil
}
