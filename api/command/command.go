// Package command has events processed for somebody who waits: it publishes them to the
// event stream, as every other source does, and hands on the outcomes that come back.
package command

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/stream"
)

// Line and Device are the origin of all commands beside their site: results to it are
// those that commands wait for.
const (
	Line   = "http"
	Device = "api"
)

// Wait is how long an outcome is waited for. The event is processed all the same.
const Wait = 5 * time.Second

// ErrPending says that an event is stored and its outcome is not there yet.
var ErrPending = errors.New("stored, and not processed yet")

// ErrAnotherRequest says that an id is that of an event which asks for something else.
var ErrAnotherRequest = errors.New("the id is that of another request")

// SameRequest reports whether two events ask for the same thing, whoever asks.
func SameRequest(a, b *seriald.Event) bool {
	if a.Type != b.Type {
		return false
	}
	var fields [2]map[string]any
	for i, data := range []json.RawMessage{a.Data, b.Data} {
		if err := json.Unmarshal(data, &fields[i]); err != nil {
			return bytes.Equal(a.Data, b.Data)
		}
		delete(fields[i], "performedBy")
	}
	return reflect.DeepEqual(fields[0], fields[1])
}

// Sender has events processed. It is safe for concurrent use.
type Sender struct {
	conn         *stream.Conn
	log          *slog.Logger
	publications chan *publication
	stopped      chan struct{} // closed when Run ends

	mu      sync.Mutex
	waiting map[seriald.EventID][]waiter
}

// waiter is who waits for the outcome of an event.
type waiter struct {
	event   *seriald.Event
	outcome chan []byte // has room for it
}

// New returns a Sender that publishes to conn, as soon and as long as Run runs.
func New(conn *stream.Conn, log *slog.Logger) *Sender {
	return &Sender{
		conn: conn, log: log, publications: make(chan *publication, stream.MaxBatch), stopped: make(chan struct{}),
		waiting: map[seriald.EventID][]waiter{},
	}
}

// Run publishes events and hands outcomes to those that wait, until ctx ends; who waits
// then does so no longer. It is to be called once. An outcome that is published while NATS
// is away is not seen: who waits for it is told that it is pending.
func (s *Sender) Run(ctx context.Context) error {
	defer close(s.stopped)
	subject := "machshop.result.*." + Line + "." + Device // of all sites
	sub, err := s.conn.NATS.Subscribe(subject, func(m *nats.Msg) { s.outcome(m.Data) })
	if err != nil {
		return fmt.Errorf("subscribe to %s: %w", subject, err)
	}
	// Results are read as they come; one that was missed because too many came at once is
	// in the inbox.
	if err := sub.SetPendingLimits(1<<16, 64<<20); err != nil {
		return fmt.Errorf("subscribe to %s: %w", subject, err)
	}
	s.publish(ctx)
	if err := sub.Unsubscribe(); err != nil && !errors.Is(err, nats.ErrConnectionClosed) {
		s.log.Warn("results not unsubscribed", "error", err)
	}
	return nil
}

// outcome hands a result to all that wait for it.
func (s *Sender) outcome(message []byte) {
	body, err := seriald.ResultData(message)
	var of struct {
		EventID seriald.EventID `json:"eventId"`
	}
	if err == nil {
		err = json.Unmarshal(body, &of)
	}
	if err != nil {
		s.log.Warn("result not understood", "error", err)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.waiting[of.EventID] {
		select {
		case w.outcome <- body:
		default: // it has one
		}
	}
}

// expect has the outcome of e handed over until done is called. The error is
// [ErrAnotherRequest] if one with its id waits already and asks for something else: it
// would get an outcome that is not its own.
func (s *Sender) expect(e *seriald.Event) (outcome <-chan []byte, done func(), err error) {
	w := waiter{e, make(chan []byte, 1)}
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.waiting[e.ID]
	if len(all) > 0 && !SameRequest(all[0].event, e) {
		return nil, nil, ErrAnotherRequest
	}
	s.waiting[e.ID] = append(all, w)
	return w.outcome, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		rest := slices.DeleteFunc(s.waiting[e.ID], func(other waiter) bool { return other == w })
		if s.waiting[e.ID] = rest; len(rest) == 0 {
			delete(s.waiting, e.ID)
		}
	}, nil
}

// Send publishes an event and returns its outcome as JSON. The error is [ErrPending] if
// it did not come within [Wait], [ErrAnotherRequest] if the event was not stored because
// another with its id is on its way; after any other, the event is stored or not, and
// sending it again with its id has one effect.
func (s *Sender) Send(ctx context.Context, e *seriald.Event) ([]byte, error) {
	outcome, done, err := s.expect(e)
	if err != nil {
		return nil, err
	}
	defer done()
	if err := s.store(ctx, e); err != nil {
		return nil, err
	}
	timer := time.NewTimer(Wait)
	defer timer.Stop()
	select {
	case o := <-outcome:
		return o, nil
	case <-timer.C:
		return nil, ErrPending
	case <-s.stopped:
		return nil, ErrPending
	case <-ctx.Done():
		return nil, ErrPending
	}
}
