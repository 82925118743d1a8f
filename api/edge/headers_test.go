package edge_test

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/machshop/seriald/api/edge"
)

func TestSecurityHeaders(t *testing.T) {
	t.Parallel()
	base := http.Header{
		"X-Content-Type-Options":  {"nosniff"},
		"Content-Security-Policy": {"default-src 'none'; frame-ancestors 'none'"},
		"Referrer-Policy":         {"no-referrer"},
		"Cache-Control":           {"no-store"},
	}
	with := func(name, value string) http.Header {
		h := base.Clone()
		h.Set(name, value)
		return h
	}
	for name, tt := range map[string]struct {
		tls  bool
		set  [2]string // by the handler
		want http.Header
	}{
		"plain":              {false, [2]string{"Cache-Control", "no-store"}, base},
		"TLS":                {true, [2]string{"Cache-Control", "no-store"}, with("Strict-Transport-Security", "max-age=31536000")},
		"a policy":           {false, [2]string{"Content-Security-Policy", "default-src 'self'"}, with("Content-Security-Policy", "default-src 'self'")},
		"what may be cached": {false, [2]string{"Cache-Control", "max-age=60"}, with("Cache-Control", "max-age=60")},
	} {
		r, w := httptest.NewRequest("GET", "/", nil), httptest.NewRecorder()
		if tt.tls {
			r.TLS = &tls.ConnectionState{}
		}
		edge.SecurityHeaders(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set(tt.set[0], tt.set[1])
		})).ServeHTTP(w, r)
		if diff := cmp.Diff(tt.want, w.Header()); diff != "" {
			t.Errorf("%s: -want +got\n%s", name, diff)
		}
	}
}

func TestCORS(t *testing.T) {
	t.Parallel()
	const a, b = "https://a.example", "https://b.example"
	for name, tt := range map[string]struct {
		origins     []string
		credentials bool
		origin      string
		allowed     string // Access-Control-Allow-Origin
	}{
		"no origin is allowed":  {nil, false, a, ""},
		"one":                   {[]string{a}, false, a, a},
		"another":               {[]string{a}, false, b, ""},
		"of two":                {[]string{a, b}, true, b, b},
		"its other port":        {[]string{a}, false, a + ":8443", ""},
		"its plain form":        {[]string{a}, false, "http://a.example", ""},
		"one that ends with it": {[]string{a}, false, "https://evil-a.example", ""},
		"null":                  {[]string{a}, false, "null", ""},
		"all":                   {[]string{"*"}, false, b, "*"},
	} {
		called := 0
		h := edge.CORS(tt.origins, tt.credentials)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called++ }))
		w := do(h, "GET", "Origin", tt.origin)
		credentials := ""
		if tt.credentials {
			credentials = "true"
		}
		if got := w.Header(); got.Get("Access-Control-Allow-Origin") != tt.allowed || got.Get("Access-Control-Allow-Credentials") != credentials || called != 1 {
			t.Errorf("%s: %v, called %d times", name, got, called)
		}
		if tt.allowed == "" {
			continue
		}
		if got := w.Header().Get("Access-Control-Expose-Headers"); got !=
			"Etag, Location, Retry-After, X-Ratelimit-Limit, X-Ratelimit-Remaining, X-Ratelimit-Reset, X-Request-Id" {
			t.Errorf("%s: exposed are %s", name, got)
		}
		w = do(h, "OPTIONS", "Origin", tt.origin, "Access-Control-Request-Method", "PATCH",
			"Access-Control-Request-Headers", "authorization,content-type,idempotency-key,if-match,last-event-id")
		if w.Code != 204 || w.Header().Get("Access-Control-Allow-Methods") != "PATCH" || w.Header().Get("Access-Control-Max-Age") != "600" || called != 1 {
			t.Errorf("%s: preflight %d %v, called %d times", name, w.Code, w.Header(), called)
		}
		w = do(h, "OPTIONS", "Origin", tt.origin, "Access-Control-Request-Method", "GET", "Access-Control-Request-Headers", "x-other")
		if w.Header().Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: a header that nobody knows is allowed", name)
		}
		if do(h, "OPTIONS", "Origin", tt.origin); called != 2 {
			t.Errorf("%s: OPTIONS that is no preflight is not handed on", name)
		}
	}
}
