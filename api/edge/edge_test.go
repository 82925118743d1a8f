package edge_test

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/machshop/seriald/api/edge"
	"github.com/machshop/seriald/proctest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// Looks once a second whether its pool was closed.
		goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/internal/pool.(*ConnPool).tryDial"))
}

// config is one that stands in nobody's way.
func config() edge.Config {
	return edge.Config{MaxBody: edge.DefaultMaxBody, Timeout: edge.DefaultTimeout}
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// do has h answer a request with headers, which are name and value by turns.
func do(h http.Handler, method string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "/", nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// text answers with a body.
func text(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }
}

// isProblem checks that an answer is a problem with all its members.
func isProblem(tb testing.TB, h http.Header, status int, body []byte, wantStatus int, wantCode string) {
	tb.Helper()
	var p map[string]any
	if err := json.Unmarshal(body, &p); err != nil {
		tb.Fatalf("%v in %q", err, body)
	}
	if got := h.Get("Content-Type"); got != "application/problem+json" || h.Get("Cache-Control") != "no-store" {
		tb.Errorf("it is %s, Cache-Control %q", got, h.Get("Cache-Control"))
	}
	if status != wantStatus || p["status"] != float64(wantStatus) || p["code"] != wantCode ||
		p["title"] != http.StatusText(wantStatus) || p["type"] != "about:blank" || p["detail"] == "" {
		tb.Errorf("%d %s, want %d and %s", status, body, wantStatus, wantCode)
	}
	if id := h.Get("X-Request-ID"); id == "" || p["requestId"] != id {
		tb.Errorf("the request is %q in the header, %v in the body", id, p["requestId"])
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change func(*edge.Config)
		want   string // in the error; "" for none
	}{
		"as it is":              {func(*edge.Config) {}, ""},
		"origins":               {func(c *edge.Config) { c.CORSOrigins = []string{"https://a.example", "http://[::1]:3000"} }, ""},
		"all":                   {func(c *edge.Config) { c.CORSOrigins = []string{"*"} }, ""},
		"all, credentials":      {func(c *edge.Config) { c.CORSOrigins, c.CORSCredentials = []string{"*"}, true }, "credentials"},
		"some, credentials":     {func(c *edge.Config) { c.CORSOrigins, c.CORSCredentials = []string{"https://a.example"}, true }, ""},
		"all and one":           {func(c *edge.Config) { c.CORSOrigins = []string{"*", "https://a.example"} }, "alone"},
		"a path":                {func(c *edge.Config) { c.CORSOrigins = []string{"https://a.example/"} }, "without a path"},
		"no scheme":             {func(c *edge.Config) { c.CORSOrigins = []string{"a.example"} }, "CORS_ORIGINS"},
		"null":                  {func(c *edge.Config) { c.CORSOrigins = []string{"null"} }, "CORS_ORIGINS"},
		"a wildcard":            {func(c *edge.Config) { c.CORSOrigins = []string{"https://"} }, "CORS_ORIGINS"},
		"trusted":               {func(c *edge.Config) { c.TrustedProxies = prefixes("10.0.0.0/8", "fd00::/8") }, ""},
		"everybody is trusted":  {func(c *edge.Config) { c.TrustedProxies = prefixes("::/0") }, "trusts everybody"},
		"IPv4 in IPv6":          {func(c *edge.Config) { c.TrustedProxies = prefixes("::ffff:10.0.0.0/104") }, "not a network"},
		"nothing is trusted":    {func(c *edge.Config) { c.TrustedProxies = []netip.Prefix{{}} }, "not a network"},
		"a negative rate":       {func(c *edge.Config) { c.RateLimitPerMinute = -1 }, "RATE_LIMIT_PER_MINUTE"},
		"no body":               {func(c *edge.Config) { c.MaxBody = 0 }, "bytes"},
		"no time":               {func(c *edge.Config) { c.Timeout = 0 }, "time limit"},
		"the rate of the guide": {func(c *edge.Config) { c.RateLimitPerMinute = edge.DefaultRateLimitPerMinute }, ""},
	} {
		c := config()
		tt.change(&c)
		switch err := c.Validate(); {
		case tt.want == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
			t.Errorf("%s: %v, want one that says %q", name, err, tt.want)
		}
	}
}

func prefixes(texts ...string) []netip.Prefix {
	var all []netip.Prefix
	for _, t := range texts {
		all = append(all, netip.MustParsePrefix(t))
	}
	return all
}

// TestTogether has one request pass all middlewares, over TCP.
func TestTogether(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	big := `{"v":"` + strings.Repeat("x", 4096) + `"}`
	mux.HandleFunc("GET /things/{id}", func(w http.ResponseWriter, r *http.Request) {
		edge.EnableETag(r.Context())
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, big)
	})
	mux.HandleFunc("GET /docs", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'self'")
		w.Header().Set("Cache-Control", "max-age=60")
	})
	mux.HandleFunc("GET /broken", func(http.ResponseWriter, *http.Request) { panic("broken") })
	cfg := config()
	cfg.RateLimitPerMinute, cfg.CORSOrigins = 4, []string{"https://mes.example"}
	var log proctest.Buffer
	server := httptest.NewServer(edge.New(cfg, edge.Dependencies{
		Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Authenticate: func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				edge.SetUser(r.Context(), r.Header.Get("Authorization"))
				next.ServeHTTP(w, r)
			})
		},
	})(mux))
	defer server.Close()
	client := &http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true}}
	get := func(path string, headers ...string) (*http.Response, []byte) {
		t.Helper()
		r, _ := http.NewRequestWithContext(t.Context(), "GET", server.URL+path, nil)
		r.Header.Set("Authorization", "mira")
		r.Header.Set("Origin", "https://mes.example")
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		res, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res, body
	}

	res, body := get("/things/1", "X-Request-ID", "abc-1")
	etag := res.Header.Get("ETag")
	if string(body) != big || !res.Uncompressed || !strings.HasSuffix(etag, `-gzip"`) || res.Header.Get("Cache-Control") != "private, no-cache" {
		t.Errorf("a resource: %d bytes, %v", len(body), res.Header)
	}
	if h := res.Header; h.Get("Access-Control-Allow-Origin") != "https://mes.example" || h.Get("X-RateLimit-Remaining") != "3" ||
		h.Get("X-Request-ID") != "abc-1" || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Strict-Transport-Security") != "" {
		t.Errorf("its header: %v", h)
	}
	if res, body = get("/things/1", "If-None-Match", etag); res.StatusCode != 304 || len(body) != 0 || res.Header.Get("ETag") != etag {
		t.Errorf("again: %d, ETag %s for %s", res.StatusCode, res.Header.Get("ETag"), etag)
	}
	if res, _ = get("/docs"); res.Header.Get("Content-Security-Policy") != "default-src 'self'" || res.Header.Get("Cache-Control") != "max-age=60" {
		t.Errorf("a page: %v", res.Header)
	}
	res, body = get("/broken")
	isProblem(t, res.Header, res.StatusCode, body, 500, "INTERNAL")
	res, body = get("/things/1")
	isProblem(t, res.Header, res.StatusCode, body, 429, "RATE_LIMITED")
	if res.Header.Get("Access-Control-Allow-Origin") == "" || res.Header.Get("Retry-After") == "" {
		t.Errorf("the 429: %v", res.Header)
	}
	if res, _ = get("/health"); res.StatusCode != 404 {
		t.Errorf("/health is limited: %d", res.StatusCode)
	}
	server.Close() // waits for the log of the last request
	for _, want := range []string{
		`level=DEBUG msg="http request" method=GET route="GET /things/{id}" path=/things/1 status=200 bytes=`,
		`client=127.0.0.1 user=mira aborted=false request_id=abc-1`,
		`level=INFO msg="http request" method=GET route="GET /broken" path=/broken status=500`,
		`msg="panic while answering a request"`,
		`status=429`, `status=304 bytes=0`,
	} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %s:\n%s", want, log.String())
		}
	}
}
