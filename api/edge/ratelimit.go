package edge

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/machshop/seriald"
)

// Headers of the rate limit, in requests and seconds.
const (
	headerRateLimit     = "X-RateLimit-Limit"
	headerRateRemaining = "X-RateLimit-Remaining"
	headerRateReset     = "X-RateLimit-Reset"
)

// rateWindow is what the limit is of.
const rateWindow = time.Minute

// Counter counts what clients do in windows of time, for several processes. It does
// not retry: an error, which must come fast, has this process count for itself.
type Counter interface {
	// Count counts one for key, and returns how many that are in its window, which
	// began with the first and is as long as window says, and how long it lasts still.
	Count(ctx context.Context, key string, window time.Duration) (n int64, left time.Duration, err error)
}

// RateLimit answers requests of a client past limit a minute with a problem of status
// 429 and code RATE_LIMITED and Retry-After in seconds; every answer has
// X-RateLimit-Limit, -Remaining and -Reset (seconds). The minute begins with a client's
// first request. A client is what subject returns or, if that is "", an address: of
// IPv6 the /64, as that is what one customer gets. counter counts for all replicas;
// while it fails, and if it is nil, each counts for itself. A limit of 0 is none; /health
// and what is below it, and /metrics, are never limited. It belongs inside RequestContext.
func RateLimit(limit int, counter Counter, subject func(*http.Request) string) func(http.Handler) http.Handler {
	if limit <= 0 {
		return func(next http.Handler) http.Handler { return next }
	}
	local := newWindows(maxWindows)
	count := func(ctx context.Context, key string) (int64, time.Duration) {
		if counter != nil {
			if n, left, err := counter.Count(ctx, key, rateWindow); err == nil {
				return n, left
			}
		}
		return local.count(key, time.Now())
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if unlimited(r.URL.Path) {
				next.ServeHTTP(w, r)
				return
			}
			n, left := count(r.Context(), clientKey(subject(r), Client(r.Context())))
			reset := strconv.FormatInt(max(1, int64((left+time.Second-1)/time.Second)), 10)
			h := w.Header()
			h.Set(headerRateLimit, strconv.Itoa(limit))
			h.Set(headerRateRemaining, strconv.FormatInt(max(0, int64(limit)-n), 10))
			h.Set(headerRateReset, reset)
			if n > int64(limit) {
				h.Set("Retry-After", reset)
				Problem(w, r, http.StatusTooManyRequests, seriald.CodeRateLimited,
					fmt.Sprintf("more than %d requests in a minute; try again in %s s", limit, reset))
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// unlimited reports whether path is asked by monitoring, which must see a service that
// is under load.
func unlimited(path string) bool {
	return path == "/health" || strings.HasPrefix(path, "/health/") || path == "/metrics"
}

// maxSubject is the longest subject that is a key as it is.
const maxSubject = 64

// clientKey returns what a client is counted under. No subject makes the key of an
// address.
func clientKey(subject string, address netip.Addr) string {
	switch {
	case len(subject) > maxSubject:
		sum := sha256.Sum256([]byte(subject))
		return "digest:" + hex.EncodeToString(sum[:])
	case subject != "":
		return "user:" + subject
	case address.Is6():
		return "net:" + netip.PrefixFrom(address, 64).Masked().String()
	}
	return "ip:" + address.String()
}
