package api

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"
	"unicode/utf8"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/store"
)

type lettersInput struct {
	PageParams
	Reason   string `query:"reason" doc:"Only those of this reason, as VALIDATION_ERROR."`
	Replayed bool   `query:"replayed" doc:"Also those that were replayed."`
}

// deadLetters lists what could not be understood or processed, the latest first.
func (s *Server) deadLetters(ctx context.Context, in *lettersInput) (*output[listBody[store.DeadLetterSummary]], error) {
	return page(ctx, &in.PageParams, rows[store.LetterPlace, store.DeadLetterSummary]{
		read: func(ctx context.Context, before store.LetterPlace, limit int) ([]store.DeadLetterSummary, error) {
			return s.deps.Database.DeadLetters(ctx, in.Reason, in.Replayed, before, limit)
		},
		count: func(ctx context.Context, most int) (int, error) {
			return s.deps.Database.CountDeadLetters(ctx, in.Reason, in.Replayed, most)
		},
		place: func(l *store.DeadLetterSummary) store.LetterPlace {
			return store.LetterPlace{ReceivedAt: l.ReceivedAt, ID: l.ID}
		},
	}, same)
}

// letterBody is a dead letter with its bytes.
type letterBody struct {
	ID         seriald.ID          `json:"id"`
	Reason     string              `json:"reason"`
	Detail     string              `json:"detail"`
	Origin     string              `json:"origin" doc:"The MQTT topic or NATS subject it came on."`
	EventID    seriald.EventID     `json:"eventId,omitempty"`
	Text       string              `json:"text,omitempty" doc:"The bytes, if they are UTF-8."`
	Payload    []byte              `json:"payload" doc:"The bytes, in base64."`
	Size       int64               `json:"size" doc:"Bytes that it had; more than payload has if that is cut."`
	Headers    map[string][]string `json:"headers,omitempty"`
	ReceivedAt time.Time           `json:"receivedAt"`
	ReplayedAt *time.Time          `json:"replayedAt,omitempty"`
}

// deadLetter answers with a dead letter.
func (s *Server) deadLetter(ctx context.Context, in *IDParam) (*output[letterBody], error) {
	id, err := readID("id", in.ID)
	if err != nil {
		return nil, err
	}
	l, err := s.deps.Database.DeadLetter(ctx, id)
	if err != nil {
		return nil, unread(err, codeNotFound, "dead letter "+id.String())
	}
	body := letterBody{
		ID: l.ID, Reason: l.Reason, Detail: l.Detail, Origin: l.Origin, EventID: l.EventID, Payload: append([]byte{}, l.Payload...), Size: l.Size,
		Headers: l.Headers, ReceivedAt: l.ReceivedAt.UTC(), ReplayedAt: l.ReplayedAt,
	}
	if utf8.Valid(l.Payload) {
		body.Text = string(l.Payload)
	}
	return answer(body, nil)
}

type replayInput struct {
	IDParam
	Body *struct {
		Text *string `json:"text,omitempty" doc:"What to publish instead; what came if it is left out."`
	} `required:"false"`
}

// replayBody is the event that a dead letter became.
type replayBody struct {
	ID      seriald.ID      `json:"id"`
	EventID seriald.EventID `json:"eventId"`
}

type replayOutput struct {
	Location string `header:"Location" doc:"Where its outcome will be."`
	Body     replayBody
}

// replayLetter publishes a dead letter again: with its id and time, so that twice has one
// effect.
func (s *Server) replayLetter(ctx context.Context, in *replayInput) (*replayOutput, error) {
	id, err := readID("id", in.ID)
	if err != nil {
		return nil, err
	}
	var fixed []byte
	if in.Body != nil && in.Body.Text != nil {
		fixed = append([]byte{}, *in.Body.Text...)
	}
	event, err := s.deps.Replay(ctx, id, fixed)
	switch {
	case err == nil:
	case errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrUnavailable):
		return nil, unread(err, codeNotFound, "dead letter "+id.String())
	default:
		rejection, ok := errors.AsType[*seriald.Rejection](err)
		if !ok {
			return nil, newProblem(http.StatusServiceUnavailable, codeUnavailable, "it was not replayed: %v", err)
		}
		p := newProblem(http.StatusUnprocessableEntity, rejection.Code, "it is still not understood: %v", rejection)
		p.Errors = []FieldProblem{{rejection.Field, rejection.Message}}
		return nil, p
	}
	return &replayOutput{"/api/v1/events/" + url.PathEscape(string(event)), replayBody{id, event}}, nil
}
