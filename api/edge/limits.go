package edge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"time"

	"github.com/machshop/seriald"
)

// verdict is a problem that takes the place of a handler's reply.
type verdict struct {
	status int
	code   seriald.Code
	detail string
}

// judged asks, when a reply begins, whether it stands. A handler learns of a limit as
// of an error of what it reads or asks, and answers something less true than what is
// known here.
type judged struct {
	http.ResponseWriter
	r        *http.Request
	judge    func(status int) *verdict // nil: it stands; status 0: nothing was answered
	begun    bool
	replaced bool // what the handler writes is dropped
}

// WriteHeader implements [http.ResponseWriter].
func (w *judged) WriteHeader(status int) {
	if w.replaced {
		return
	}
	if !w.begun && !informational(status) && w.settle(status) {
		return
	}
	w.ResponseWriter.WriteHeader(status)
}

// settle asks for the verdict and reports whether it took the reply's place.
func (w *judged) settle(status int) bool {
	w.begun = true
	v := w.judge(status)
	if v == nil {
		return false
	}
	w.replaced = true
	Problem(w.ResponseWriter, w.r, v.status, v.code, v.detail)
	return true
}

// finish is for after the handler, which may have answered nothing.
func (w *judged) finish() {
	if !w.begun {
		w.settle(0)
	}
}

// Write implements [http.ResponseWriter].
func (w *judged) Write(b []byte) (int, error) {
	if !w.begun {
		w.WriteHeader(http.StatusOK)
	}
	if w.replaced {
		return len(b), nil
	}
	return w.ResponseWriter.Write(b)
}

// FlushError is for [http.ResponseController].
func (w *judged) FlushError() error {
	if !w.begun {
		w.WriteHeader(http.StatusOK)
	}
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Flush implements [http.Flusher].
func (w *judged) Flush() { _ = w.FlushError() } // the next Write meets the error

// Unwrap is for [http.ResponseController].
func (w *judged) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// BodyLimit refuses bodies of more than most bytes with a problem of status 413 and
// code PAYLOAD_TOO_LARGE: at once where Content-Length tells, else when the handler,
// whose Read fails with an [http.MaxBytesError], answers with an error. The connection
// ends, as nobody reads the rest.
func BodyLimit(most int64) func(http.Handler) http.Handler {
	tooLarge := &verdict{
		http.StatusRequestEntityTooLarge, seriald.CodePayloadTooLarge,
		fmt.Sprintf("the body has more than %d bytes; send less, or in several requests", most),
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch {
			case r.ContentLength == 0:
				next.ServeHTTP(w, r)
				return
			case r.ContentLength > most:
				w.Header().Set("Connection", "close")
				Problem(w, r, tooLarge.status, tooLarge.code, tooLarge.detail)
				return
			}
			body := &limitedBody{ReadCloser: http.MaxBytesReader(w, r.Body, most)}
			r.Body = body
			j := &judged{ResponseWriter: w, r: r, judge: func(status int) *verdict {
				if !body.exceeded || status != 0 && status < http.StatusBadRequest {
					return nil
				}
				w.Header().Set("Connection", "close")
				return tooLarge
			}}
			next.ServeHTTP(j, r)
			j.finish()
		})
	}
}

// limitedBody remembers whether its limit was met.
type limitedBody struct {
	io.ReadCloser
	exceeded bool
}

// Read implements [io.Reader].
func (b *limitedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		b.exceeded = true
	}
	return n, err
}

// ErrTimeLimit is the [context.Cause] of the context of a request that took too long.
var ErrTimeLimit = fmt.Errorf("the request's time limit: %w", context.DeadlineExceeded)

// TimeLimit ends the context of requests that take longer than limit, with ErrTimeLimit
// as cause; it waits for the handler, which has to heed it. If the handler then answers
// nothing or with a status of 500 and above, the answer is a problem of status 503 and
// code UNAVAILABLE. A reply that begins as text/event-stream has no limit from there on,
// and its connection no deadline, but those that the handler sets after WriteHeader;
// others lift the limit with NoTimeLimit.
func TimeLimit(limit time.Duration) func(http.Handler) http.Handler {
	late := &verdict{
		http.StatusServiceUnavailable, codeUnavailable,
		fmt.Sprintf("the request took longer than %s and was given up; try again, or ask for less", limit),
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithCancelCause(r.Context())
			defer cancel(nil)
			timer := time.AfterFunc(limit, func() { cancel(ErrTimeLimit) })
			defer timer.Stop()
			lift := func() {
				timer.Stop()
				// They are the server's against slow clients. A writer without any has none to lift.
				deadlines := http.NewResponseController(w)
				_ = deadlines.SetReadDeadline(time.Time{})
				_ = deadlines.SetWriteDeadline(time.Time{})
			}
			requestOf(ctx).lift = lift
			r = r.WithContext(ctx)
			j := &judged{ResponseWriter: w, r: r, judge: func(status int) *verdict {
				if mediaType, _, _ := mime.ParseMediaType(w.Header().Get("Content-Type")); mediaType == eventStream && status == http.StatusOK {
					lift()
					return nil
				}
				if !errors.Is(context.Cause(ctx), ErrTimeLimit) || status != 0 && status < http.StatusInternalServerError {
					return nil
				}
				return late
			}}
			next.ServeHTTP(j, r)
			j.finish()
		})
	}
}

// eventStream is the media type of server-sent events.
const eventStream = "text/event-stream"

// NoTimeLimit lifts the time limit of the request of ctx, and the deadlines of its
// connection: for downloads, which take as long as they are. Who calls it bounds each
// write by a deadline of its own, as a client that stops reading would hold it forever.
func NoTimeLimit(ctx context.Context) {
	if lift := requestOf(ctx).lift; lift != nil {
		lift()
	}
}
