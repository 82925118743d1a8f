package edge

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"
)

// recorder knows what was answered.
type recorder struct {
	http.ResponseWriter
	status int   // 0: nothing yet
	bytes  int64 // of the body, as it was sent
}

// record returns the recorder of w, which is w if another middleware made it.
func record(w http.ResponseWriter) *recorder {
	if rec, ok := w.(*recorder); ok {
		return rec
	}
	return &recorder{ResponseWriter: w}
}

// WriteHeader implements [http.ResponseWriter].
func (w *recorder) WriteHeader(status int) {
	if w.status == 0 && !informational(status) {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements [http.ResponseWriter].
func (w *recorder) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(b)
	w.bytes += int64(n)
	return n, err
}

// FlushError is for [http.ResponseController].
func (w *recorder) FlushError() error {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Flush implements [http.Flusher].
func (w *recorder) Flush() { _ = w.FlushError() } // the next Write meets the error

// Unwrap is for [http.ResponseController].
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// informational reports whether another status follows.
func informational(status int) bool {
	return status < http.StatusOK && status != http.StatusSwitchingProtocols
}

// AccessLog logs each request when it has ended: at debug, at info if it failed (500
// and above) or its connection was cut. The query is left out, as it may hold what is
// nobody's business. It belongs inside RequestContext.
func AccessLog(log *slog.Logger) func(http.Handler) http.Handler {
	log = slog.New(LogHandler(log.Handler()))
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			rec, began, returned := record(w), time.Now(), false
			defer func() {
				status, level, req := rec.status, slog.LevelDebug, requestOf(r.Context())
				if returned && status == 0 {
					status = http.StatusOK // net/http answers it for who answers nothing
				}
				if status >= http.StatusInternalServerError || !returned {
					level = slog.LevelInfo
				}
				route := req.route
				if route == "" {
					route = r.Pattern
				}
				log.LogAttrs(r.Context(), level, "http request",
					slog.String("method", r.Method), slog.String("route", route), slog.String("path", r.URL.Path),
					slog.Int("status", status), slog.Int64("bytes", rec.bytes), slog.Duration("took", time.Since(began)),
					slog.Any("client", req.client), slog.String("user", User(r.Context())), slog.Bool("aborted", !returned))
			}()
			next.ServeHTTP(rec, r)
			returned = true
		})
	}
}

// Recover answers a panic with a problem of status 500 and code INTERNAL, and logs it
// with its stack, once. A reply that had begun can't become a problem any more: its
// connection is cut, so that no client takes a half for the whole. It belongs inside
// RequestContext and AccessLog.
func Recover(log *slog.Logger) func(http.Handler) http.Handler {
	log = slog.New(LogHandler(log.Handler()))
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			rec := record(w)
			defer func() {
				v := recover()
				if v == nil {
					return
				}
				if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
					panic(http.ErrAbortHandler)
				}
				log.LogAttrs(r.Context(), slog.LevelError, "panic while answering a request",
					slog.String("method", r.Method), slog.String("path", r.URL.Path),
					slog.String("panic", fmt.Sprint(v)), slog.String("stack", string(debug.Stack())))
				if rec.status != 0 {
					panic(http.ErrAbortHandler)
				}
				Problem(rec, r, http.StatusInternalServerError, codeInternal,
					"an error of the service, which is logged; tell its operator the request id")
			}()
			next.ServeHTTP(rec, r)
		})
	}
}
