package edge_test

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"testing"

	"github.com/machshop/seriald/api/edge"
)

// logged returns what h logs of one request, at debug.
func logged(t *testing.T, h http.HandlerFunc) (w *httptest.ResponseRecorder, log string, panicked any) {
	t.Helper()
	var out bytes.Buffer
	l := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
	w = httptest.NewRecorder()
	func() {
		defer func() { panicked = recover() }()
		edge.RequestContext(nil)(edge.AccessLog(l)(edge.Recover(l)(h))).ServeHTTP(w, httptest.NewRequest("GET", "/a?secret=1", nil))
	}()
	return w, out.String(), panicked
}

func TestAccessLog(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		handler http.HandlerFunc
		want    []string
	}{
		"nothing is answered": {func(http.ResponseWriter, *http.Request) {}, []string{"level=DEBUG", "status=200 bytes=0"}},
		"a body":              {text("12345"), []string{"level=DEBUG", "status=200 bytes=5", "path=/a "}},
		"flushed":             {func(w http.ResponseWriter, _ *http.Request) { w.(http.Flusher).Flush() }, []string{"status=200"}},
		"an early hint":       {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(103); w.WriteHeader(404) }, []string{"status=404"}},
		"the first counts":    {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404); w.WriteHeader(500) }, []string{"level=DEBUG", "status=404"}},
		"it failed":           {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }, []string{"level=INFO", "status=503"}},
		"a user":              {func(_ http.ResponseWriter, r *http.Request) { edge.SetUser(r.Context(), "mira") }, []string{"user=mira", "client=192.0.2.1"}},
	} {
		_, log, _ := logged(t, tt.handler)
		for _, want := range tt.want {
			if !strings.Contains(log, want) {
				t.Errorf("%s: no %s in %s", name, want, log)
			}
		}
		if strings.Count(log, "\n") != 1 || strings.Contains(log, "secret") || !strings.Contains(log, "request_id=") {
			t.Errorf("%s: %s", name, log)
		}
	}
}

func TestRecover(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		handler http.HandlerFunc
		aborted bool
		stacks  int
	}{
		"before the answer": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			w.Header().Set("ETag", `"1"`)
			panic(errors.New("broken"))
		}, false, 1},
		"nil":                          {func(http.ResponseWriter, *http.Request) { panic(nil) }, false, 1},
		"after the header":             {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(200); panic("broken") }, true, 1},
		"in the body":                  {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{"); panic("broken") }, true, 1},
		"on purpose":                   {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, true, 0},
		"what was flushed is answered": {func(w http.ResponseWriter, _ *http.Request) { w.(http.Flusher).Flush(); panic("broken") }, true, 1},
	} {
		w, log, panicked := logged(t, tt.handler)
		if got := strings.Count(log, "panic while answering"); got != tt.stacks || tt.stacks > 0 && !strings.Contains(log, "accesslog_test.go") {
			t.Errorf("%s: %d panics are logged, want %d:\n%s", name, got, tt.stacks, log)
		}
		if strings.Contains(log, "aborted=true") != tt.aborted || (panicked != nil) != tt.aborted || tt.aborted && panicked != any(http.ErrAbortHandler) {
			t.Errorf("%s: panicked with %v; %s", name, panicked, log)
		}
		if tt.aborted {
			continue
		}
		isProblem(t, w.Header(), w.Code, w.Body.Bytes(), 500, "INTERNAL")
		if strings.Contains(w.Body.String(), "broken") || w.Header().Get("Content-Encoding") != "" || w.Header().Get("ETag") != "" {
			t.Errorf("%s: %v %s", name, w.Header(), w.Body)
		}
	}
}

// TestHalfAnAnswer holds that no client takes what came before a panic for the whole,
// compressed or not.
func TestHalfAnAnswer(t *testing.T) {
	t.Parallel()
	for name, size := range map[string]int{"short": 10, "long": 100_000} {
		server := httptest.NewServer(edge.New(config(), edge.Dependencies{Log: discard()})(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, strings.Repeat("x", size))
			panic("broken")
		})))
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		res, err := client.Get(server.URL)
		if err == nil {
			_, err = io.ReadAll(res.Body)
			res.Body.Close()
		}
		if err == nil {
			t.Errorf("%s: half an answer came without an error: %v", name, res.Header)
		}
		server.Close()
	}
}

// TestEarlyHints holds that informational answers pass all middlewares and that a
// handler's answer, or a panic's, still follows.
func TestEarlyHints(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(edge.New(config(), edge.Dependencies{Log: discard()})(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Link", "</style.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		if r.URL.Path == "/broken" {
			panic("broken")
		}
		w.WriteHeader(http.StatusAccepted)
	})))
	defer server.Close()
	for path, want := range map[string]int{"/": 202, "/broken": 500} {
		hints := 0
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{Got1xxResponse: func(int, textproto.MIMEHeader) error {
			hints++
			return nil
		}})
		r, _ := http.NewRequestWithContext(ctx, "GET", server.URL+path, nil)
		res, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != want || hints != 1 {
			t.Errorf("%s: %d after %d hints, want %d after 1", path, res.StatusCode, hints, want)
		}
	}
}
