package edge

import (
	"net/http"

	"github.com/rs/cors"
)

// SecurityHeaders sets what keeps browsers from taking an answer for something else:
// nosniff, a Content-Security-Policy in which nothing may be loaded or framed, no
// referrer, no-store, and over TLS a year of it (RFC 6797). They are set before the
// handler, which replaces those that don't fit with Set: a page brings its own policy.
func SecurityHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		if r.TLS != nil {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		next.ServeHTTP(w, r)
	})
}

// preflightSeconds is how long browsers may remember what a page may do; they forget
// it after two hours at most.
const preflightSeconds = 600

// CORS lets pages of origins call (the Fetch standard's CORS protocol): all for "*",
// none if there are none. It answers preflights. credentials lets pages send cookies
// and client certificates; Config.Validate says what goes together.
func CORS(origins []string, credentials bool) func(http.Handler) http.Handler {
	if len(origins) == 0 { // which the library would take for all
		return func(next http.Handler) http.Handler { return next }
	}
	return cors.New(cors.Options{
		AllowedOrigins:   origins,
		AllowCredentials: credentials,
		AllowedMethods: []string{
			http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
		},
		AllowedHeaders: []string{
			"Accept", "Authorization", "Cache-Control", "Content-Type", "Idempotency-Key", "If-Match", "If-None-Match",
			"Last-Event-ID", headerRequestID,
		},
		ExposedHeaders: []string{
			"ETag", "Location", "Retry-After", headerRateLimit, headerRateRemaining, headerRateReset, headerRequestID,
		},
		MaxAge: preflightSeconds,
	}).Handler
}
