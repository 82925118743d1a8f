package api

import (
	"context"
	"encoding/base64"
	"encoding/json"
)

// PageParams say which part of a list is asked for.
type PageParams struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"50" doc:"At most so many."`
	Offset int    `query:"offset" minimum:"0" maximum:"10000" doc:"Leave out so many from the beginning: rows that are added meanwhile move the page. A cursor goes further, and stays."`
	Cursor string `query:"cursor" doc:"The nextCursor of the page before."`
}

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

// rows is a list as the store has it: of rows R in an order, each at a place P.
type rows[P, R any] struct {
	// read returns up to limit rows behind a place, or from the beginning if that is zero.
	read func(ctx context.Context, after P, limit int) ([]R, error)
	// count returns how many there are in all, counted up to most.
	count func(ctx context.Context, most int) (int, error)
	place func(*R) P
	// unread is the answer if they could not be read; nil is that of [unread].
	unread func(error) error
}

// page answers with a page of a list, each row as its body.
func page[P, R, B any](ctx context.Context, in *PageParams, from rows[P, R], as func(*R) B) (*output[listBody[B]], error) {
	var after P
	if err := readCursor(in.Cursor, &after); err != nil {
		return nil, err
	}
	if in.Cursor != "" && in.Offset > 0 {
		return nil, invalidField("offset", "is of no use beside a cursor: leave one of them out")
	}
	// One row more than asked for: whether there is another page.
	found, err := from.read(ctx, after, in.Offset+in.Limit+1)
	total := len(found)
	if err == nil && (in.Cursor != "" || total > in.Offset+in.Limit) {
		// Else it is all there is: most lists are one page, and counting costs what finding does.
		total, err = from.count(ctx, mostCounted+1)
	}
	switch {
	case err != nil && from.unread != nil:
		return nil, from.unread(err)
	case err != nil:
		return nil, unread(err, codeNotFound, "row")
	}
	found = found[min(in.Offset, len(found)):]
	body := listBody[B]{Data: make([]B, min(in.Limit, len(found))), Total: min(total, mostCounted), MoreThan: total > mostCounted, Limit: in.Limit, Offset: in.Offset}
	for i := range body.Data {
		body.Data[i] = as(&found[i])
	}
	if len(found) > in.Limit {
		body.NextCursor = encodeCursor(from.place(&found[in.Limit-1]))
	}
	return answer(body, nil)
}

// same is a body that is its row.
func same[R any](r *R) R { return *r }

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
