package edge

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"sync/atomic"

	"github.com/google/uuid"
)

// headerRequestID carries a request's id in both directions.
const headerRequestID = "X-Request-ID"

// maxRequestID is the longest id that is taken from a client: what proxies make has
// at most 64 characters.
const maxRequestID = 128

// request is what is known of a request beside itself.
type request struct {
	id     string
	client netip.Addr
	user   atomic.Pointer[string]
	etag   atomic.Bool // the handler asked for one
	route  string      // the pattern that matched
	lift   func()      // ends the time limit; nil if there is none
}

type contextKey struct{}

// requestOf returns what is known of the request of ctx. Without RequestContext it is
// nothing, and what is told to it is lost.
func requestOf(ctx context.Context) *request {
	if req, ok := ctx.Value(contextKey{}).(*request); ok {
		return req
	}
	return &request{}
}

// RequestContext gives each request an id and finds out its client's address, for
// RequestID and Client. The id is the client's X-Request-ID, if it is one that logs
// and headers can carry, else a UUIDv7; the response has it as X-Request-ID. trusted
// are the networks of proxies whose X-Forwarded-For is believed.
func RequestContext(trusted []netip.Prefix) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			req := &request{id: requestID(r.Header), client: clientAddress(r, trusted)}
			w.Header().Set(headerRequestID, req.id)
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), contextKey{}, req)))
		})
	}
}

func requestID(h http.Header) string {
	if ids := h.Values(headerRequestID); len(ids) == 1 && saneRequestID(ids[0]) {
		return ids[0]
	}
	return uuid.Must(uuid.NewV7()).String()
}

// saneRequestID reports whether id is of the letters that UUIDs, base64 and trace ids
// are made of: nothing that a log, a header or a shell takes for something else.
func saneRequestID(id string) bool {
	if id == "" || len(id) > maxRequestID {
		return false
	}
	for _, c := range []byte(id) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '-', c == '_', c == '.', c == ':', c == '+', c == '/', c == '=':
		default:
			return false
		}
	}
	return true
}

// RequestID returns the id of the request of ctx; "" without RequestContext.
func RequestID(ctx context.Context) string { return requestOf(ctx).id }

// Client returns the address of the client of ctx's request, behind trusted proxies;
// the zero address if it is not known. An IPv4 address is never in its IPv6 form.
func Client(ctx context.Context) netip.Addr { return requestOf(ctx).client }

// SetUser tells who made the request of ctx: the verified subject of its token.
func SetUser(ctx context.Context, user string) { requestOf(ctx).user.Store(&user) }

// User returns what SetUser was told; "" if nothing.
func User(ctx context.Context) string {
	if user := requestOf(ctx).user.Load(); user != nil {
		return *user
	}
	return ""
}

// captureRoute keeps the pattern that matched: [http.ServeMux] writes it into the
// request that it gets, which is a copy of the one the access log has.
func captureRoute(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() { requestOf(r.Context()).route = r.Pattern }()
		next.ServeHTTP(w, r)
	})
}

// LogHandler returns a handler that adds request_id to each record that is logged
// with the context of a request, and hands it to h.
func LogHandler(h slog.Handler) slog.Handler {
	if _, ok := h.(logHandler); ok {
		return h
	}
	return logHandler{h}
}

type logHandler struct{ slog.Handler }

// Handle implements [slog.Handler].
func (h logHandler) Handle(ctx context.Context, record slog.Record) error {
	if id := RequestID(ctx); id != "" {
		record = record.Clone()
		record.AddAttrs(slog.String("request_id", id))
	}
	return h.Handler.Handle(ctx, record)
}

// WithAttrs implements [slog.Handler].
func (h logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return logHandler{h.Handler.WithAttrs(attrs)}
}

// WithGroup implements [slog.Handler].
func (h logHandler) WithGroup(name string) slog.Handler {
	return logHandler{h.Handler.WithGroup(name)}
}
