package edge_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/machshop/seriald/api/edge"
)

func TestBodyLimit(t *testing.T) {
	t.Parallel()
	read := func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadAll(r.Body); err != nil {
			http.Error(w, "the body can't be read", http.StatusBadRequest)
		}
	}
	for name, tt := range map[string]struct {
		body    string
		chunked bool // no Content-Length
		handler http.HandlerFunc
		want    int
	}{
		"none":                      {"", false, read, 200},
		"as much as may be":         {"12345678", false, read, 200},
		"as much as may be, chunks": {"12345678", true, read, 200},
		"too much":                  {"123456789", false, read, 413},
		"too much, chunks":          {"123456789", true, read, 413},
		"too much, nobody reads":    {"123456789", false, text("ok"), 413},
		"nobody reads the chunks":   {"123456789", true, text("ok"), 200},
		"nobody heeds the error":    {"123456789", true, func(_ http.ResponseWriter, r *http.Request) { _, _ = io.ReadAll(r.Body) }, 413},
		"an error of its own":       {"1234", true, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(422) }, 422},
		"enough was read": {"123456789", true, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.ReadAll(r.Body)
			w.WriteHeader(201)
		}, 201},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(edge.RequestContext(nil)(edge.SecurityHeaders(edge.BodyLimit(8)(tt.handler))))
			defer server.Close()
			var body io.Reader = strings.NewReader(tt.body)
			if tt.chunked {
				body = io.MultiReader(body) // whose length is not known
			}
			client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
			res, err := client.Post(server.URL, "text/plain", body)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			got, _ := io.ReadAll(res.Body)
			if res.StatusCode != tt.want {
				t.Errorf("%d, want %d", res.StatusCode, tt.want)
			}
			if tt.want == 413 {
				isProblem(t, res.Header, res.StatusCode, got, 413, "PAYLOAD_TOO_LARGE")
				if !res.Close {
					t.Error("the connection goes on")
				}
			}
		})
	}
}

// TestBodyLimitAsksForNothing holds that a client which announces too much is told so
// before it sends it.
func TestBodyLimitAsksForNothing(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(edge.BodyLimit(8)(text("ok")))
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\nExpect: 100-continue\r\n\r\n")
	if line, err := bufio.NewReader(conn).ReadString('\n'); !strings.HasPrefix(line, "HTTP/1.1 413") {
		t.Errorf("%q, %v", line, err)
	}
}

func TestTimeLimit(t *testing.T) {
	t.Parallel()
	const limit = 5 * time.Second
	wait := func(r *http.Request, d time.Duration) error {
		select {
		case <-r.Context().Done():
			return context.Cause(r.Context())
		case <-time.After(d):
			return nil
		}
	}
	for name, tt := range map[string]struct {
		handler http.HandlerFunc
		took    time.Duration
		want    int
	}{
		"in time": {func(w http.ResponseWriter, r *http.Request) { _ = wait(r, limit-1); w.WriteHeader(201) }, limit - 1, 201},
		"late, an error": {func(w http.ResponseWriter, r *http.Request) {
			if err := wait(r, time.Hour); !errors.Is(err, edge.ErrTimeLimit) || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("the cause is %v", err)
			}
			http.Error(w, "the database can't be reached", 500)
		}, limit, 503},
		"late, nothing answered":      {func(_ http.ResponseWriter, r *http.Request) { _ = wait(r, time.Hour) }, limit, 503},
		"late, a client's mistake":    {func(w http.ResponseWriter, r *http.Request) { _ = wait(r, time.Hour); w.WriteHeader(422) }, limit, 422},
		"late, but done":              {func(w http.ResponseWriter, r *http.Request) { _ = wait(r, time.Hour); w.WriteHeader(201) }, limit, 201},
		"it fails by itself":          {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(502) }, 0, 502},
		"what has begun is not ended": {func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(500); _ = wait(r, time.Hour) }, limit, 500},
		"a stream": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
			w.WriteHeader(200)
			if err := wait(r, time.Hour); err != nil {
				t.Errorf("the stream was ended: %v", err)
			}
		}, time.Hour, 200},
		"a stream that never begins": {func(w http.ResponseWriter, r *http.Request) {
			_ = wait(r, time.Hour)
			w.Header().Set("Content-Type", "text/event-stream")
			w.WriteHeader(500)
		}, limit, 503},
		"a download": {func(_ http.ResponseWriter, r *http.Request) {
			edge.NoTimeLimit(r.Context())
			if err := wait(r, time.Hour); err != nil {
				t.Errorf("the download was ended: %v", err)
			}
		}, time.Hour, 200},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				// A client can't ask to have no limit.
				w := do(edge.RequestContext(nil)(edge.SecurityHeaders(edge.TimeLimit(limit)(tt.handler))), "GET", "Accept", "text/event-stream")
				if w.Code != tt.want || time.Since(began) != tt.took {
					t.Errorf("%d after %s, want %d after %s", w.Code, time.Since(began), tt.want, tt.took)
				}
				if tt.want == 503 {
					isProblem(t, w.Header(), w.Code, w.Body.Bytes(), 503, "UNAVAILABLE")
				}
			})
		})
	}
}

// pipes is a network of one server, in memory and by the clock of a test.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	if c, ok := <-p; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}
func (p pipes) Close() error   { close(p); return nil }
func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

// TestStreamOutlivesDeadlines holds that all the middlewares and the server's deadlines
// together let a stream go on, flushed as it is written, and end a slow answer.
func TestStreamOutlivesDeadlines(t *testing.T) {
	t.Parallel()
	for name, accept := range map[string]string{"asked for": "text/event-stream", "not asked for": "*/*"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := config()
				cfg.Timeout = 5 * time.Second
				const events, pause = 10, 20 * time.Second
				h := edge.New(cfg, edge.Dependencies{Log: discard()})(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Content-Type", "text/event-stream")
					connection := http.NewResponseController(w)
					for range events {
						// A reader that stops is the stream's own to cut.
						err := connection.SetWriteDeadline(time.Now().Add(time.Second))
						_, _ = io.WriteString(w, "data: x\n\n")
						if err := errors.Join(err, connection.Flush(), connection.SetWriteDeadline(time.Time{})); err != nil {
							t.Error(err)
						}
						select {
						case <-r.Context().Done():
							t.Errorf("the stream ends: %v", context.Cause(r.Context()))
							return
						case <-time.After(pause):
						}
					}
				}))
				network := make(pipes)
				server := &http.Server{Handler: h, ReadTimeout: 10 * time.Second, WriteTimeout: 15 * time.Second}
				ended := make(chan error)
				go func() { ended <- server.Serve(network) }()
				transport := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
					client, side := net.Pipe()
					network <- side
					return client, nil
				}}
				r, _ := http.NewRequestWithContext(t.Context(), "GET", "http://in.memory/", nil)
				r.Header.Set("Accept", accept)
				began := time.Now()
				res, err := transport.RoundTrip(r)
				if err != nil {
					t.Fatal(err)
				}
				lines := bufio.NewScanner(res.Body)
				n := 0
				for lines.Scan() {
					if lines.Text() == "" {
						continue
					}
					if at := time.Since(began); at != time.Duration(n)*pause {
						t.Errorf("event %d came after %s", n, at)
					}
					n++
				}
				if n != events || lines.Err() != nil || res.Header.Get("Content-Encoding") != "" {
					t.Errorf("%d events, %v, %v", n, lines.Err(), res.Header)
				}
				res.Body.Close()
				transport.CloseIdleConnections()
				_ = server.Close()
				<-ended
			})
		})
	}
}

func TestCompress(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		contentType string
		size        int
		accept      string // Accept-Encoding
		want        string // Content-Encoding
	}{
		"JSON":              {"application/json", 1024, "gzip", "gzip"},
		"with a charset":    {"application/json; charset=utf-8", 4096, "br, gzip;q=0.5", "gzip"},
		"a problem":         {"application/problem+json", 4096, "gzip", "gzip"},
		"a page":            {"text/html", 4096, "gzip", "gzip"},
		"short":             {"application/json", 1023, "gzip", ""},
		"not accepted":      {"application/json", 4096, "", ""},
		"refused":           {"application/json", 4096, "gzip;q=0", ""},
		"another one":       {"application/json", 4096, "zstd", ""},
		"a stream":          {"text/event-stream", 4096, "gzip", ""},
		"a picture":         {"image/png", 4096, "gzip", ""},
		"nobody said which": {"application/octet-stream", 4096, "gzip", ""},
	} {
		w := do(edge.Compress()(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", tt.contentType)
			_, _ = w.Write(bytes.Repeat([]byte("x"), tt.size))
		})), "GET", "Accept-Encoding", tt.accept)
		if got := w.Header().Get("Content-Encoding"); got != tt.want || w.Header().Get("Vary") != "Accept-Encoding" {
			t.Errorf("%s: %q, want %q; Vary %q", name, got, tt.want, w.Header().Get("Vary"))
		}
		if tt.want == "" && w.Body.Len() != tt.size {
			t.Errorf("%s: %d bytes of %d", name, w.Body.Len(), tt.size)
		}
	}
}
