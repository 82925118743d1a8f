package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/api/command"
	"github.com/machshop/seriald/store"
)

// Sender has events processed, as [command.Sender] does.
type Sender interface {
	Send(ctx context.Context, e *seriald.Event) (outcome []byte, err error)
}

// maxWriteBody bounds the body of a write, in bytes: that of an event.
const maxWriteBody = 256 << 10

// WriteRequest is a request that becomes an event.
type WriteRequest struct {
	Key     string `header:"Idempotency-Key" doc:"The event's id: the same key again has one effect, and gets the first answer."`
	RawBody []byte
}

type writeIDInput struct {
	ID string `path:"id"`
	WriteRequest
}

// written is what became of an event.
type written struct {
	seriald.Outcome
	asked json.RawMessage
}

// pending is the answer of a write that was not processed in time.
type pending struct {
	EventID seriald.EventID `json:"eventId"`
	Status  string          `json:"status" enum:"pending"`
}

// Error implements error.
func (p *pending) Error() string { return "event " + string(p.EventID) + " is not processed yet" }

// GetStatus implements [huma.StatusError].
func (p *pending) GetStatus() int { return http.StatusAccepted }

// write has an event processed: of the fields of a request, and those that its path has
// instead. What became of it decides the answer, by the table in [outcomeProblem].
func (s *Server) write(ctx context.Context, typ seriald.EventType, in *WriteRequest, path map[string]string) (*written, error) {
	e, err := s.event(ctx, typ, in, path)
	if err != nil {
		return nil, err
	}
	body, err := s.deps.Commands.Send(ctx, e)
	switch {
	case errors.Is(err, command.ErrAnotherRequest):
		return nil, anotherRequest(e.ID)
	case errors.Is(err, command.ErrPending):
		return nil, huma.ErrorWithHeaders(&pending{e.ID, "pending"}, http.Header{"Location": {"/api/v1/events/" + url.PathEscape(string(e.ID))}})
	case err != nil:
		return nil, newProblem(http.StatusServiceUnavailable, codeUnavailable,
			"the event could not be stored for certain; send it again with the Idempotency-Key %s", e.ID)
	}
	w := &written{asked: e.Data}
	if err := json.Unmarshal(body, &w.Outcome); err != nil {
		return nil, newProblem(http.StatusInternalServerError, codeInternal, "the outcome of event %s is not understood; GET /api/v1/events/{id} has it", e.ID)
	}
	if w.Duplicate {
		if err := s.checkRepeat(ctx, e); err != nil {
			return nil, err
		}
	}
	if typ.Configures() {
		s.master.outdate() // who has just added a part may ask for it at once
	}
	if p := outcomeProblem(&w.Outcome); p != nil {
		return nil, p
	}
	return w, nil
}

// checkRepeat refuses e if what was processed by its id asked for something else: its
// outcome would be taken for that of e. What the audit does not have any more is believed.
func (s *Server) checkRepeat(ctx context.Context, e *seriald.Event) error {
	first, err := s.deps.Database.RecordedEvent(ctx, e.ID)
	switch {
	case errors.Is(err, store.ErrUnavailable):
		return unread(err, codeNotFound, "event")
	case err == nil && !command.SameRequest(&first.Event, e):
		return anotherRequest(e.ID)
	}
	return nil
}

// anotherRequest is the answer to an Idempotency-Key that was used for another request.
func anotherRequest(id seriald.EventID) *Problem {
	p := newProblem(http.StatusUnprocessableEntity, seriald.CodeInvalidState,
		"the Idempotency-Key %s was used for another request, whose outcome GET /api/v1/events/%s has; send this one with another key", id, url.PathEscape(string(id)))
	p.EventID = id
	return p
}

// outcomeProblem maps an outcome to its problem, nil if what was asked for is done, or
// there was nothing to do.
func outcomeProblem(o *seriald.Outcome) *Problem {
	status := map[seriald.Status]int{seriald.StatusConflict: http.StatusConflict, seriald.StatusRejected: http.StatusUnprocessableEntity}[o.Status]
	if status == 0 {
		return nil
	}
	p := newProblem(status, o.Code, "%s", o.Message)
	p.EventID, p.Conflict = o.EventID, o.Conflict
	if o.Field != "" {
		p.Errors = []FieldProblem{{o.Field, o.Message}}
		p.Detail = o.Field + " " + o.Message
	}
	return p
}

// event makes an event of a request. Who sends it is who the token says, whatever the
// body does.
func (s *Server) event(ctx context.Context, typ seriald.EventType, in *WriteRequest, path map[string]string) (*seriald.Event, error) {
	fields := map[string]json.RawMessage{}
	if len(in.RawBody) > 0 {
		if err := json.Unmarshal(in.RawBody, &fields); err != nil || fields == nil {
			return nil, invalidField("body", "must be a JSON object with the fields of this call")
		}
	}
	set := func(name, value string) error {
		b, err := json.Marshal(value)
		fields[name] = b
		return err
	}
	for name, value := range path {
		if err := set(name, value); err != nil {
			return nil, invalidField(name, "%v", err)
		}
	}
	if p, ok := principalOf(ctx); ok {
		if err := set("performedBy", p.Subject); err != nil {
			return nil, invalidField("performedBy", "%v", err)
		}
	}
	data, err := json.Marshal(fields)
	if err != nil {
		return nil, invalidField("body", "%v", err)
	}
	id := in.Key
	if id == "" {
		made, err := uuid.NewV7()
		if err != nil {
			return nil, err
		}
		id = made.String()
	}
	if err := seriald.CheckEventID(id); err != nil {
		return nil, invalidField("Idempotency-Key", "%v", err)
	}
	site, err := s.siteOf(ctx, typ, data)
	if err != nil {
		return nil, err
	}
	e := &seriald.Event{
		ID: seriald.EventID(id), Type: typ, Origin: seriald.Origin{Site: site, Line: command.Line, Device: command.Device}, Time: time.Now().UTC(), Data: data,
	}
	var keys seriald.KeyFields
	_ = json.Unmarshal(data, &keys) // what has another type is refused by the event's rules
	e.Key = keys.Key(command.Device)
	return e, nil
}

// siteOf is the site that an event happens at: the one that it names, or the only one.
func (s *Server) siteOf(ctx context.Context, typ seriald.EventType, data []byte) (string, error) {
	var of struct {
		SiteID string `json:"siteId"`
	}
	_ = json.Unmarshal(data, &of) // as above
	if of.SiteID != "" {
		if !seriald.ValidToken(of.SiteID) {
			return "", invalidField("siteId", "must be 1 to 64 of A-Z a-z 0-9 _ -")
		}
		return of.SiteID, nil
	}
	catalog, err := s.master.current(ctx)
	if err != nil {
		return "", unread(err, codeNotFound, "site")
	}
	if len(catalog.Sites) > 1 && !typ.Configures() && typ != seriald.TypeConflictResolve {
		return "", invalidField("siteId", "is required: there are %d sites", len(catalog.Sites))
	}
	first := ""
	for id := range catalog.Sites {
		if first == "" || id < first {
			first = id
		}
	}
	if first == "" {
		return "", invalidField("siteId", "is required: there is no site yet")
	}
	return first, nil
}
