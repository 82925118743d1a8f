package api

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/machshop/seriald"
)

// The contract's page of a list.
const (
	defaultLimit = 50
	maxLimit     = 500
)

// listBody is a page of a list that is read by a cursor: what is added meanwhile comes
// neither twice nor in between.
type listBody[T any] struct {
	Data       []T    `json:"data"` // never null
	Limit      int    `json:"limit"`
	NextCursor string `json:"nextCursor,omitempty"` // "" on the last page
}

// cut makes a page of what was read, which is one more than limit if there is another
// page.
func cut[T any](found []T, limit int, cursor func(last *T) string) listBody[T] {
	page := listBody[T]{Data: found, Limit: limit}
	if len(found) > limit {
		page.Data, page.NextCursor = found[:limit], cursor(&found[limit-1])
	}
	if page.Data == nil {
		page.Data = []T{}
	}
	return page
}

// query reads the parameters of a request and notes what is wrong with them.
type query struct {
	url.Values
	problems []fieldProblem
}

func (q *query) wrong(field, format string, args ...any) {
	q.problems = append(q.problems, fieldProblem{field, fmt.Sprintf(format, args...)})
}

// only notes parameters that are not known: one that is misspelt would find too much.
func (q *query) only(known ...string) {
	for name := range q.Values {
		if !slices.Contains(known, name) && !strings.HasPrefix(name, attributePrefix) {
			q.wrong(name, "is not known here: known are %s", strings.Join(known, ", "))
		}
	}
}

// at reads an instant: RFC 3339, or a date, whose first instant in UTC it is.
func (q *query) at(name string) time.Time {
	text := q.Get(name)
	if text == "" {
		return time.Time{}
	}
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		if at, err := time.Parse(layout, text); err == nil {
			return at
		}
	}
	q.wrong(name, "must be a date (2026-03-02) or a time with offset (2026-03-02T12:00:00Z)")
	return time.Time{}
}

// cursor reads where the page before ended.
func (q *query) cursor(into any) {
	text := q.Get("cursor")
	if text == "" {
		return
	}
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil {
		err = json.Unmarshal(b, into)
	}
	if err != nil {
		q.wrong("cursor", "must be the nextCursor of the page before")
	}
}

// encodeCursor is what cursor reads.
func encodeCursor(of any) string {
	b, err := json.Marshal(of)
	if err != nil {
		return "" // can't be: ids and times
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

const (
	attributePrefix = "attributes."
	maxAttributes   = 5
)

// attributes reads attributes.NAME=VALUE as the JSON objects of which one has to be
// found: what could be a number or a boolean is looked for as that and as a text.
func (q *query) attributes() []string {
	objects := []map[string]any{{}}
	names := 0
	for name, values := range q.Values {
		field, ok := strings.CutPrefix(name, attributePrefix)
		if !ok {
			continue
		}
		if names++; names > maxAttributes {
			q.wrong(attributePrefix, "at most %d attributes can be asked for", maxAttributes)
			return nil
		}
		candidates := []any{values[0]}
		var literal any
		if err := json.Unmarshal([]byte(values[0]), &literal); err == nil {
			switch literal.(type) {
			case float64, bool:
				candidates = append(candidates, json.RawMessage(values[0]))
			}
		}
		var next []map[string]any
		for _, o := range objects {
			for _, c := range candidates {
				with := map[string]any{field: c}
				maps.Copy(with, o)
				next = append(next, with)
			}
		}
		objects = next
	}
	if names == 0 {
		return nil
	}
	texts := make([]string, len(objects))
	for i, o := range objects {
		b, err := json.Marshal(o)
		if err != nil {
			q.wrong(attributePrefix, "%v", err)
			return nil
		}
		texts[i] = string(b)
	}
	return texts
}

// pathID reads an id of ours.
func (q *query) pathID(text string) seriald.ID {
	id, err := seriald.ParseID(text)
	if err != nil || id.IsZero() {
		q.wrong("id", "%.60q is not an id of this service: it is a UUID, as outcomes have it", text)
	}
	return id
}

// page reads limit and offset.
func page(query url.Values) (limit, offset int, problems []fieldProblem) {
	limit = defaultLimit
	for _, p := range []struct {
		name     string
		into     *int
		from, to int
	}{{"limit", &limit, 1, maxLimit}, {"offset", &offset, 0, 1 << 30}} {
		text := query.Get(p.name)
		if text == "" {
			continue
		}
		n, err := strconv.Atoi(text)
		if err != nil || n < p.from || n > p.to {
			problems = append(problems, fieldProblem{p.name, fmt.Sprintf("must be a number from %d to %d", p.from, p.to)})
			continue
		}
		*p.into = n
	}
	return limit, offset, problems
}
