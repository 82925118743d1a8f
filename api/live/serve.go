package live

import (
	"context"
	"errors"
	"net/http"
	"os"
	"time"

	"github.com/machshop/seriald"
)

const (
	// retry is after how many milliseconds a client comes again.
	retry = "2000"
	// tooMany is after how many seconds a client may try that was refused.
	tooMany = "5"
	// releaseEvery is after how many frames it is noted that they were written.
	releaseEvery = 32
)

// errCut says that the client was too slow for its buffer.
var errCut = errors.New("too slow")

// ServeHTTP serves GET /api/v1/events/stream as text/event-stream until the client
// goes away, is cut, or [Hub.Run] ends. The parameters site, event (names, separated
// by commas), partId, serialNumber, workOrderId and lotNumber all have to match. With
// the header Last-Event-ID, or the parameter lastEventId, it goes on behind that
// event; else it begins with the next one.
//
// It answers with application/problem+json: 400 to a parameter that is wrong or not
// known, 405, and 503 if there are too many clients. The server's timeouts do not
// apply; the ResponseWriter has to be one that [http.ResponseController] can flush
// and set deadlines of, if need be by its method Unwrap.
func (h *Hub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		problem(w, http.StatusMethodNotAllowed, codeMethodNotAllowed, r.Method+" is not allowed here; GET is")
		return
	}
	q, problems := parseRequest(r)
	if len(problems) > 0 {
		problem(w, http.StatusBadRequest, seriald.CodeValidation, problems[0].Field+" "+problems[0].Message, problems...)
		return
	}
	if !h.enter() {
		w.Header().Set("Retry-After", tooMany)
		problem(w, http.StatusServiceUnavailable, codeUnavailable, "there are too many clients of this stream, or the service ends; try again")
		return
	}
	c := newClient(q.filter)
	defer h.leave(c)
	control := http.NewResponseController(w)
	// The server's bound on reading a request would end the request's context.
	if err := errors.Join(control.SetReadDeadline(time.Time{}), control.SetWriteDeadline(time.Time{})); err != nil {
		h.log.Error("no sse through this response writer", "error", err)
		problem(w, http.StatusInternalServerError, codeInternal, "events can't be sent on this connection; the log says why")
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no") // nginx sends each event on at once
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return
	}

	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(h.ending, cancel)()
	s := &session{hub: h, client: c, request: q, writer: w, control: control, at: q.from, beat: time.NewTicker(h.heartbeat)}
	defer s.beat.Stop()
	s.end(s.serve(ctx))
}

// session writes to one client.
type session struct {
	hub     *Hub
	client  *client
	request request
	writer  http.ResponseWriter
	control *http.ResponseController
	beat    *time.Ticker
	at      position // what the client has
}

// serve writes events until something ends it.
func (s *session) serve(ctx context.Context) error {
	if err := s.send([]byte("retry: " + retry + "\n\n")); err != nil {
		return err
	}
	if !s.request.resumes {
		if s.at = s.hub.begin(s.client); s.at.identity != "" {
			if err := s.mark(); err != nil {
				return err
			}
		}
		return s.follow(ctx)
	}
	if err := s.resume(ctx); err != nil {
		return err
	}
	return s.follow(ctx)
}

// follow writes what the hub adds to the buffer.
func (s *session) follow(ctx context.Context) error {
	var frames []*frame
	for {
		var cut bool
		if frames, cut = s.client.take(frames); cut {
			return errCut
		}
		if len(frames) == 0 {
			if err := s.wait(ctx, s.client.wake, never); err != nil {
				return err
			}
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := s.deliver(frames); err != nil {
			return err
		}
		clear(frames) // kept for its room, not for what was in it
	}
}

// deliver writes frames of the buffer, and makes room for others.
func (s *session) deliver(frames []*frame) error {
	for len(frames) > 0 {
		some := frames[:min(releaseEvery, len(frames))]
		frames = frames[len(some):]
		if err := s.write(some...); err != nil {
			return err
		}
		s.client.release(time.Now(), some...)
		select {
		case s.hub.drained <- struct{}{}:
		default: // it is known already
		}
	}
	return s.flush()
}

// write writes frames, each within the timeout.
func (s *session) write(frames ...*frame) error {
	events := 0
	for _, f := range frames {
		if err := s.deadline(); err != nil {
			return err
		}
		if _, err := s.writer.Write(f.text); err != nil {
			return err
		}
		s.at = f.at
		if f.event != nil {
			events++
		}
	}
	s.hub.events.Add(float64(events))
	return nil
}

func (s *session) send(text []byte) error {
	if err := s.deadline(); err != nil {
		return err
	}
	if _, err := s.writer.Write(text); err != nil {
		return err
	}
	return s.flush()
}

func (s *session) flush() error {
	if err := s.deadline(); err != nil {
		return err
	}
	return s.control.Flush()
}

func (s *session) deadline() error {
	return s.control.SetWriteDeadline(time.Now().Add(s.hub.writeTimeout))
}

// mark tells the client where it is: an id without data is no event, but is what it
// resumes with.
func (s *session) mark() error { return s.send([]byte("id: " + s.at.String() + "\n\n")) }

// never is a wait that has no end of its own.
const never time.Duration = -1

// wait returns nil when signal has something, or after a time; until then the client
// gets heartbeats.
func (s *session) wait(ctx context.Context, signal <-chan struct{}, most time.Duration) error {
	var bound <-chan time.Time
	if most != never {
		timer := time.NewTimer(most)
		defer timer.Stop()
		bound = timer.C
	}
	for {
		select {
		case <-signal:
			return nil
		case <-bound:
			return nil
		case <-s.beat.C:
			if err := s.heartbeat(); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// heartbeat writes a comment, and the tail as the id if the client has all that it
// wants up to there: it need not be looked for again.
func (s *session) heartbeat() error {
	text := []byte(": heartbeat\n")
	if at, ok := s.hub.settled(s.client); ok {
		s.at = at
		text = append(append(append(text, "id: "...), at.String()...), '\n')
	}
	return s.send(append(text, '\n'))
}

// end tells the client why its stream ends.
func (s *session) end(err error) {
	name := "end"
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		s.hub.stalled(s.client)
		return // what it has of an event it drops: the blank line is missing
	case errors.Is(err, errCut):
		name = "cut"
	case s.hub.ending.Err() == nil:
		return // it has gone
	}
	data := map[string]any{}
	if s.at.identity != "" {
		data["lastEventId"] = s.at.String()
	}
	_ = s.send(notice(s.at, name, data).text) // if it can be told
}
