package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/machshop/seriald/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeDatabase is a store that is up or down.
type fakeDatabase struct{ err error }

func (f fakeDatabase) Ping(context.Context) error { return f.err }
func (fakeDatabase) PoolStats() store.PoolStats   { return store.PoolStats{Total: 3, Idle: 2, Active: 1} }

func (f fakeDatabase) EventOutcome(_ context.Context, id string) ([]byte, error) {
	if id == "known" || f.err != nil {
		return []byte(`{"eventId":"known"}`), f.err
	}
	return nil, store.ErrNotFound
}

// serve runs a server until the test ends and returns its address.
func serve(t *testing.T, cfg Config, deps Dependencies) string {
	t.Helper()
	s, err := Listen(cfg, deps, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return "http://" + s.Address()
}

func call(t *testing.T, method, url string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(body)
}

func dependencies(database error, nats, mqtt, redis State, waiting ...string) Dependencies {
	return Dependencies{
		Database: fakeDatabase{database},
		Redis:    func(context.Context) State { return redis },
		NATS:     func() State { return nats },
		MQTT:     func() State { return mqtt },
		NotReady: func(context.Context) []string { return waiting },
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	down := errors.New("down")
	for name, tt := range map[string]struct {
		deps   Dependencies
		code   int
		status string
		body   string
	}{
		"all well":      {dependencies(nil, StateConnected, StateConnected, StateDisabled), 200, "ok", `"redis":"disabled"`},
		"database away": {dependencies(down, StateConnected, StateConnected, StateDisabled), 503, "error", `"database":"disconnected"`},
		"nats away":     {dependencies(nil, StateDisconnected, StateConnected, StateDisabled), 503, "error", `"nats":"disconnected"`},
		"mqtt away":     {dependencies(nil, StateConnected, StateDisconnected, StateDisabled), 200, "degraded", `"mqtt":"disconnected"`},
		"redis away":    {dependencies(nil, StateConnected, StateConnected, StateDisconnected), 200, "degraded", `"redis":"disconnected"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res, body := call(t, "GET", serve(t, Config{Host: "127.0.0.1"}, tt.deps)+"/health")
			if res.StatusCode != tt.code || !strings.Contains(body, `"status":"`+tt.status+`"`) || !strings.Contains(body, tt.body) {
				t.Errorf("%d %s, want %d %s with %s", res.StatusCode, body, tt.code, tt.status, tt.body)
			}
			var shape struct {
				Timestamp time.Time
				Uptime    *float64
			}
			if err := json.Unmarshal([]byte(body), &shape); err != nil || shape.Timestamp.IsZero() || shape.Uptime == nil {
				t.Errorf("the guide's shape is not kept: %s, %v", body, err)
			}
		})
	}
}

func TestRoutes(t *testing.T) {
	t.Parallel()
	up := serve(t, Config{Host: "127.0.0.1", Metrics: true}, dependencies(nil, StateConnected, StateConnected, StateDisabled))
	down := serve(t, Config{Host: "127.0.0.1"}, dependencies(errors.New("down"), StateConnected, StateConnected, StateDisabled, "database", "mqtt"))
	for name, tt := range map[string]struct {
		method, url string
		code        int
		contentType string
		body        string
	}{
		"live":                 {"GET", down + "/health/live", 200, "application/json", `"ok"`},
		"ready":                {"GET", up + "/health/ready", 200, "application/json", `"ready"`},
		"not ready":            {"GET", down + "/health/ready", 503, "application/json", `"waitingFor":["database","mqtt"]`},
		"database":             {"GET", up + "/api/v1/health/db", 200, "application/json", `"poolConnections":{"total":3,"idle":2,"active":1}`},
		"database away":        {"GET", down + "/api/v1/health/db", 503, "application/json", `"status":"disconnected"`},
		"outcome":              {"GET", up + "/api/v1/events/known", 200, "application/json", `{"eventId":"known"}`},
		"no such event":        {"GET", up + "/api/v1/events/none", 404, "application/problem+json", `"code":"NOT_FOUND"`},
		"outcome without db":   {"GET", down + "/api/v1/events/known", 503, "application/problem+json", `"code":"UNAVAILABLE"`},
		"nothing there":        {"GET", up + "/nowhere", 404, "application/problem+json", `"code":"NOT_FOUND"`},
		"wrong method":         {"POST", up + "/health", 405, "application/problem+json", `"code":"METHOD_NOT_ALLOWED"`},
		"metrics":              {"GET", up + "/metrics", 200, "text/plain", "http_request_errors_total"},
		"metrics switched off": {"GET", down + "/metrics", 404, "application/problem+json", "NOT_FOUND"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res, body := call(t, tt.method, tt.url)
			if res.StatusCode != tt.code || !strings.HasPrefix(res.Header.Get("Content-Type"), tt.contentType) || !strings.Contains(body, tt.body) {
				t.Errorf("%d %s %s, want %d %s with %s", res.StatusCode, res.Header.Get("Content-Type"), body, tt.code, tt.contentType, tt.body)
			}
		})
	}
}

func TestErrorsAreCounted(t *testing.T) {
	t.Parallel()
	url := serve(t, Config{Host: "127.0.0.1", Metrics: true}, dependencies(errors.New("down"), StateConnected, StateConnected, StateDisabled))
	call(t, "GET", url+"/health")
	call(t, "GET", url+"/health/live")
	_, body := call(t, "GET", url+"/metrics")
	if !strings.Contains(body, "\nhttp_request_errors_total 1\n") ||
		!strings.Contains(body, `seriald_http_request_duration_seconds_count{route="GET /health/live",status="200"} 1`) {
		t.Errorf("metrics:\n%s", body)
	}
}

func TestPortInUseNamesTheSetting(t *testing.T) {
	t.Parallel()
	s, err := Listen(Config{Host: "127.0.0.1"}, Dependencies{}, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	var port int
	if _, p, ok := strings.Cut(s.Address(), ":"); ok {
		if err := json.Unmarshal([]byte(p), &port); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Listen(Config{Host: "127.0.0.1", Port: port}, Dependencies{}, slog.New(slog.DiscardHandler), prometheus.NewRegistry()); err == nil ||
		!strings.Contains(err.Error(), "APP_PORT") {
		t.Errorf("error %v", err)
	}
	if err := (Config{Port: 70000}).Validate(); err == nil {
		t.Error("port 70000 is taken")
	}
}
