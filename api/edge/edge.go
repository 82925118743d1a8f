package edge

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"time"
)

// Defaults of the contract, section 8, and of what it leaves open.
const (
	DefaultRateLimitPerMinute = 1000
	DefaultMaxBody            = 1 << 20 // bytes
	DefaultTimeout            = 30 * time.Second
)

// Config is what clients may do.
type Config struct {
	// TrustedProxies are the networks whose X-Forwarded-For is believed.
	TrustedProxies []netip.Prefix
	// CORSOrigins are the origins (scheme://host[:port]) whose pages may call; "*"
	// alone is all of them, none is no page of another origin.
	CORSOrigins []string
	// CORSCredentials lets those pages send cookies and client certificates. Tokens
	// in Authorization need it not.
	CORSCredentials bool
	// RateLimitPerMinute is how many requests a client may make in a minute; 0 is no
	// limit.
	RateLimitPerMinute int
	// MaxBody is the most bytes of a request's body.
	MaxBody int64
	// Timeout is how long a request may take, event streams aside.
	Timeout time.Duration
}

// Validate lists what is wrong, in one error.
func (c Config) Validate() error {
	var problems []error
	for _, p := range c.TrustedProxies {
		switch {
		case !p.IsValid() || p.Addr().Is4In6():
			problems = append(problems, fmt.Errorf("TRUSTED_PROXIES: %s is not a network: write 10.0.0.0/8 or fd00::/8", p))
		case p.Bits() == 0:
			problems = append(problems, fmt.Errorf("TRUSTED_PROXIES: %s trusts everybody, so that each client could choose its address: name the proxies' networks", p))
		}
	}
	for _, o := range c.CORSOrigins {
		if o != "*" && !isOrigin(o) {
			problems = append(problems, fmt.Errorf("CORS_ORIGINS: %q is not an origin: write https://host or https://host:port, without a path", o))
		}
	}
	switch all := slices.Contains(c.CORSOrigins, "*"); {
	case all && len(c.CORSOrigins) > 1:
		problems = append(problems, errors.New(`CORS_ORIGINS: "*" is all origins: write it alone, or list the origins`))
	case all && c.CORSCredentials:
		problems = append(problems, errors.New(`CORS_ORIGINS: "*" would let every page act with its visitor's credentials: list the origins, or do without credentials`))
	}
	if c.RateLimitPerMinute < 0 {
		problems = append(problems, fmt.Errorf("RATE_LIMIT_PER_MINUTE: must not be negative, is %d (0 is no limit)", c.RateLimitPerMinute))
	}
	if c.MaxBody <= 0 {
		problems = append(problems, fmt.Errorf("the most bytes of a body must be more than 0, not %d", c.MaxBody))
	}
	if c.Timeout <= 0 {
		problems = append(problems, fmt.Errorf("the time limit of a request must be more than 0, not %s", c.Timeout))
	}
	return errors.Join(problems...)
}

// isOrigin reports whether s is an origin as browsers write it in Origin, RFC 6454
// section 6.2; "null" is not, as anybody can be it.
func isOrigin(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" && s == u.Scheme+"://"+u.Host
}

// Dependencies are what the middlewares work with.
type Dependencies struct {
	// Log gets the access log and panics.
	Log *slog.Logger
	// Counter counts the requests of clients for all replicas; nil counts those of
	// this process.
	Counter Counter
	// Authenticate runs before the rate limit. It tells who calls with SetUser, and
	// may give the request another context; refusing is for the routes, as what it
	// refuses is not counted. nil is nothing.
	Authenticate func(http.Handler) http.Handler
	// Subject returns whom the rate limit counts a request for, "" for the client's
	// address; nil is what SetUser was told.
	Subject func(*http.Request) string
}

// New returns the middlewares as one, in their order. What it wraps must be the
// routes: if it copies the request (WithContext) before a [http.ServeMux] sees it,
// the access log has no route.
func New(cfg Config, deps Dependencies) func(http.Handler) http.Handler {
	subject := deps.Subject
	if subject == nil {
		subject = func(r *http.Request) string { return User(r.Context()) }
	}
	authenticate := deps.Authenticate
	if authenticate == nil {
		authenticate = func(next http.Handler) http.Handler { return next }
	}
	// From the outermost on. Problems of a middleware have the headers of those outside
	// of it: a page of an allowed origin can read a 429. Compression is outside of the
	// limits, as it holds the first bytes back and the limits look at when a reply begins.
	chain := []func(http.Handler) http.Handler{
		RequestContext(cfg.TrustedProxies),
		AccessLog(deps.Log),
		Recover(deps.Log),
		SecurityHeaders,
		CORS(cfg.CORSOrigins, cfg.CORSCredentials),
		authenticate,
		RateLimit(cfg.RateLimitPerMinute, deps.Counter, subject),
		Compress(),
		BodyLimit(cfg.MaxBody),
		TimeLimit(cfg.Timeout),
		Conditional,
		captureRoute,
	}
	return func(h http.Handler) http.Handler {
		for _, wrap := range slices.Backward(chain) {
			h = wrap(h)
		}
		return h
	}
}
