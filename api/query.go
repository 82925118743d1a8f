package api

import (
	"encoding/json"
	"maps"
	"time"

	"github.com/machshop/seriald"
)

// readTime reads an instant: RFC 3339, or a date, whose first instant in UTC it is.
func readTime(name, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, nil
		}
	}
	return time.Time{}, invalidField(name, "must be a date (2026-03-02) or a time with offset (2026-03-02T12:00:00Z)")
}

// readID reads an id of ours.
func readID(name, text string) (seriald.ID, error) {
	id, err := seriald.ParseID(text)
	if err != nil || id.IsZero() {
		return id, invalidField(name, "%.60q is not an id of this service: it is a UUID, as outcomes have it", text)
	}
	return id, nil
}

const maxAttributes = 5

// attributeObjects are the JSON objects of which one has to be found for attributes to
// have their values: what could be a number or a boolean is looked for as that and as a
// text.
func attributeObjects(attributes map[string]string) ([]string, error) {
	if len(attributes) == 0 {
		return nil, nil
	}
	if len(attributes) > maxAttributes {
		return nil, invalidField("attributes", "at most %d can be asked for", maxAttributes)
	}
	objects := []map[string]any{{}}
	for name, value := range attributes {
		candidates := []any{value}
		var literal any
		if err := json.Unmarshal([]byte(value), &literal); err == nil {
			switch literal.(type) {
			case float64, bool:
				candidates = append(candidates, json.RawMessage(value))
			}
		}
		var next []map[string]any
		for _, o := range objects {
			for _, c := range candidates {
				with := maps.Clone(o)
				with[name] = c
				next = append(next, with)
			}
		}
		objects = next
	}
	texts := make([]string, len(objects))
	for i, o := range objects {
		b, err := json.Marshal(o)
		if err != nil {
			return nil, invalidField("attributes", "%v", err)
		}
		texts[i] = string(b)
	}
	return texts, nil
}
