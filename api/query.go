package api

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"time"

	"github.com/machshop/seriald"
)

// listBody is a page of a list. It goes on at a cursor, so that what is added meanwhile
// comes neither twice nor in between.
type listBody[T any] struct {
	Data       []T    `json:"data"`
	Total      int    `json:"total" doc:"How many there are without a page's bounds; more than 10,000 are not counted."`
	MoreThan   bool   `json:"totalIsLowerBound,omitempty" doc:"Whether there are more than total says."`
	Limit      int    `json:"limit"`
	Offset     int    `json:"offset"`
	NextCursor string `json:"nextCursor,omitempty" doc:"Where the next page begins; not there on the last one."`
}

// mostCounted bounds how many rows of a list are counted.
const mostCounted = 10_000

// total is how many rows a list has: what was found if that is all of it, else what count
// says. Most lists are one page, and counting costs what finding does.
func (p *PageParams) total(found int, count func() (int, error)) (int, error) {
	if p.Cursor == "" && found <= p.Limit {
		return found, nil
	}
	return count()
}

// cut makes a page of what was read, which is one more than limit if there is another
// page, and of how many there are, as far as they were counted.
func cut[T any](found []T, limit, total int, cursor func(last *T) string) listBody[T] {
	page := listBody[T]{Data: found, Limit: limit, Total: total}
	if total > mostCounted {
		page.Total, page.MoreThan = mostCounted, true
	}
	if len(found) > limit {
		page.Data, page.NextCursor = found[:limit], cursor(&found[limit-1])
	}
	if page.Data == nil {
		page.Data = []T{}
	}
	return page
}

// readCursor reads where the page before ended.
func readCursor(text string, into any) error {
	if text == "" {
		return nil
	}
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil {
		err = json.Unmarshal(b, into)
	}
	if err != nil {
		return invalidField("cursor", "must be the nextCursor of the page before")
	}
	return nil
}

// encodeCursor is what readCursor reads.
func encodeCursor(of any) string {
	b, err := json.Marshal(of)
	if err != nil {
		return "" // can't be: ids and times
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

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
