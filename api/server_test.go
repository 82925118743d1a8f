package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/api/auth"
	"github.com/machshop/seriald/api/edge"
	"github.com/machshop/seriald/store"
	"github.com/machshop/seriald/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

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

// Devices has five devices of plant1 and none elsewhere.
func (f fakeDatabase) Devices(_ context.Context, site string, after seriald.Origin, limit int) ([]store.Device, error) {
	if site == "empty" || f.err != nil {
		return nil, f.err
	}
	online, at := true, time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	devices := []store.Device{
		{Site: "plant1", Line: "l", Device: "a", Online: &online, StatusAt: &at, LastSeenAt: at, Events: 7, Refused: 2},
		{Site: "plant1", Line: "l", Device: "b", LastSeenAt: at},
		{Device: "c"},
		{Device: "d"},
		{Device: "e"},
	}
	behind := slices.IndexFunc(devices, func(d store.Device) bool { return d.Device == after.Device }) + 1
	return devices[behind:min(behind+limit, 5)], nil
}

func (f fakeDatabase) CountDevices(context.Context, string, int) (int, error) { return 5, f.err }

// FormatUse knows a permuted format and one that counts.
func (f fakeDatabase) FormatUse(_ context.Context, id string) (*store.FormatUse, error) {
	u := &store.FormatUse{
		Format:    seriald.Format{ID: id, Name: "N", Active: true, Version: 3, Pattern: "{SERIAL_RANDOM:4}", Start: 0, Increment: 1, Reset: seriald.ResetNever, CounterScope: seriald.CounterPerFormat},
		UpdatedAt: time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC), Most: 2500, Taken: 4000,
	}
	switch {
	case f.err != nil:
		return nil, f.err
	case id == "gone":
		return nil, store.ErrNotFound
	case id == "counts":
		u.Pattern = "{SEQ:4}"
	}
	return u, nil
}

// roleTokens takes the name of a role for a token of somebody who has it.
type roleTokens struct{}

func (roleTokens) Verify(_ context.Context, token string) (auth.Principal, error) {
	role, err := auth.ParseRole(token)
	if err != nil {
		return auth.Principal{}, fmt.Errorf("%w: %w", auth.ErrUnauthorized, err)
	}
	return auth.Principal{Subject: "some " + token, Role: role}, nil
}

// serve runs a server until the test ends and returns its address.
func serve(tb testing.TB, cfg Config, deps Dependencies) string {
	tb.Helper()
	if cfg.Edge.MaxBody == 0 {
		cfg.Edge.MaxBody, cfg.Edge.Timeout = edge.DefaultMaxBody, edge.DefaultTimeout
	}
	if deps.Tokens == nil {
		deps.Tokens = roleTokens{}
	}
	s, err := Listen(cfg, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx, deps) }()
	tb.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			tb.Errorf("Run: %v", err)
		}
	})
	return "http://" + s.Address()
}

func call(t *testing.T, method, url string) (*http.Response, string) {
	t.Helper()
	return callWith(t, method, url, "")
}

func callWith(t *testing.T, method, url, body string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer admin")
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	return do(t, req)
}

// do sends a request and reads the answer.
func do(t *testing.T, req *http.Request) (*http.Response, string) {
	t.Helper()
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(answer)
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
		"live":               {"GET", down + "/health/live", 200, "application/json", `"ok"`},
		"ready":              {"GET", up + "/health/ready", 200, "application/json", `"ready"`},
		"not ready":          {"GET", down + "/health/ready", 503, "application/json", `"waitingFor":["database","mqtt"]`},
		"database":           {"GET", up + "/api/v1/health/db", 200, "application/json", `"poolConnections":{"total":3,"idle":2,"active":1}`},
		"database away":      {"GET", down + "/api/v1/health/db", 503, "application/json", `"status":"disconnected"`},
		"outcome":            {"GET", up + "/api/v1/events/known", 200, "application/json", `{"eventId":"known"}`},
		"no such event":      {"GET", up + "/api/v1/events/none", 404, "application/problem+json", `"code":"NOT_FOUND"`},
		"outcome without db": {"GET", down + "/api/v1/events/known", 503, "application/problem+json", `"code":"UNAVAILABLE"`},
		"devices": {
			"GET", up + "/api/v1/devices?limit=2&site=plant1", 200, "application/json",
			`{"data":[{"site":"plant1","line":"l","device":"a","online":true,"statusAt":"2026-03-02T12:00:00Z","lastSeenAt":"2026-03-02T12:00:00Z","events":7,"refused":2},` +
				`{"site":"plant1","line":"l","device":"b","online":null,"statusAt":null,"lastSeenAt":"2026-03-02T12:00:00Z","events":0,"refused":0}],"total":5,"limit":2,"offset":0,"nextCursor":"`,
		},
		"devices by default": {"GET", up + "/api/v1/devices?offset=4", 200, "application/json", `"total":5,"limit":50,"offset":4}`},
		"devices, further":   {"GET", up + "/api/v1/devices?limit=1&cursor=eyJEZXZpY2UiOiJjIn0", 200, "application/json", `{"data":[{"site":"","line":"","device":"d",`},
		"no devices":         {"GET", up + "/api/v1/devices?site=empty", 200, "application/json", `{"data":[],"total":0,`},
		"devices, too many": {
			"GET", up + "/api/v1/devices?limit=501&offset=-1&site=a%20b", 400, "application/problem+json",
			`"errors":[{"field":"limit","message":"expected number <= 500"},{"field":"offset","message":"expected number >= 0"}]`,
		},
		"devices, no number": {"GET", up + "/api/v1/devices?limit=x", 400, "application/problem+json", `"code":"VALIDATION_ERROR"`},
		"devices without db": {"GET", down + "/api/v1/devices", 503, "application/problem+json", `"code":"UNAVAILABLE"`},
		"nothing there":      {"GET", up + "/nowhere", 404, "application/problem+json", `"code":"NOT_FOUND"`},
		"a format": {
			"GET", up + "/api/v1/serialization/formats/permuted", 200, "application/json",
			`{"formatConfigId":"permuted","name":"N","active":true,"version":3,"pattern":"{SERIAL_RANDOM:4}","counterStart":0,"increment":1,"reset":"never","counterScope":"FORMAT",` +
				`"updatedAt":"2026-03-02T12:00:00Z","taken":4000,"values":10000,"left":7500,"guessProbability":0.25}`,
		},
		"a format that counts": {"GET", up + "/api/v1/serialization/formats/counts", 200, "application/json", `"values":10000,"left":7500,"guessProbability":1}`},
		"no such format":       {"GET", up + "/api/v1/serialization/formats/gone", 404, "application/problem+json", `"code":"FORMAT_NOT_FOUND"`},
		"format without db":    {"GET", down + "/api/v1/serialization/formats/x", 503, "application/problem+json", `"code":"UNAVAILABLE"`},
		"scan, wrong method":   {"GET", up + "/api/v1/serialization/scan/parse", 405, "application/problem+json", "GET is not allowed here; POST is"},
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
	s, err := Listen(Config{Host: "127.0.0.1"}, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
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
	if _, err := Listen(Config{Host: "127.0.0.1", Port: port}, slog.New(slog.DiscardHandler), prometheus.NewRegistry()); err == nil ||
		!strings.Contains(err.Error(), "APP_PORT") {
		t.Errorf("error %v", err)
	}
	if err := (Config{Port: 70000}).Validate(); err == nil {
		t.Error("port 70000 is taken")
	}
}
