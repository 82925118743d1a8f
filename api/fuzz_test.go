package api

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/api/auth"
	"github.com/machshop/seriald/api/edge"
	"github.com/machshop/seriald/store"
	"github.com/machshop/seriald/store/storetest"
)

// published answers events by their own rules, and counts them.
type published struct{ events int }

func (p *published) Send(_ context.Context, e *seriald.Event) ([]byte, error) {
	p.events++
	o := seriald.Outcome{EventID: e.ID, Status: seriald.StatusAccepted}
	if _, err := e.Fields(); err != nil {
		o.Status, o.Code, o.Message = seriald.StatusRejected, seriald.CodeValidation, err.Error()
	}
	return o.Encode(), nil
}

type nobodysLogin struct{}

func (nobodysLogin) Login(context.Context, string, string, string) (string, time.Time, error) {
	return "", time.Time{}, auth.ErrUnauthorized
}

// fuzzedOperation is where a fuzzed request goes.
type fuzzedOperation struct {
	method, path string
	write        bool
}

// fuzzedAPI is the API on a database of its own, in process.
func fuzzedAPI(tb testing.TB) (http.Handler, *published, []fuzzedOperation) {
	tb.Helper()
	db, sent := storetest.Open(tb, storetest.DSN(tb, storetest.Fast)), &published{}
	s, err := Listen(Config{Host: "127.0.0.1", Edge: edge.Config{MaxBody: edge.DefaultMaxBody, Timeout: edge.DefaultTimeout}}, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = s.Close() })
	deps := dependencies(nil, StateConnected, StateConnected, StateDisabled)
	deps.Database, deps.Commands, deps.Events, deps.Tokens, deps.Login = db, sent, http.NotFoundHandler(), roleTokens{}, nobodysLogin{}
	deps.Replay = func(context.Context, seriald.ID, []byte) (seriald.EventID, error) { return "", store.ErrNotFound }
	s.use(deps)
	front := edge.New(s.cfg.Edge, edge.Dependencies{Log: s.log, Authenticate: s.identify})
	handler := front(s.routes())
	var all []fuzzedOperation
	paths := s.api.OpenAPI().Paths
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		for method, op := range operationsOf(paths[path]) {
			keyed := slices.ContainsFunc(op.Parameters, func(p *huma.Param) bool { return p.Name == "Idempotency-Key" })
			all = append(all, fuzzedOperation{method, path, keyed})
		}
	}
	slices.SortFunc(all, func(a, b fuzzedOperation) int { return strings.Compare(a.path+a.method, b.path+b.method) })
	return handler, sent, all
}

// FuzzRequests holds that no request fails the API, that what it answers is JSON, and that
// what it refuses by itself becomes no event.
func FuzzRequests(f *testing.F) {
	handler, sent, operations := fuzzedAPI(f)
	for i := range operations {
		f.Add(uint8(i), "PART-001", "limit=5", `{"partId":"PART-001","serialNumber":"S-1","vendorName":"Acme","quantity":2}`, "key")
		f.Add(uint8(i), "' OR 1=1 --", "attributes[a]=%00&cursor=bnVsbA&partId=%27%3B--&status=\xff", `{"partId":"\ud800","quantity":1e400000,"attributes":{"a":[[[[]]]]},"data":{}}`, "k\xff")
		f.Add(uint8(i), "01a2231c-0000-7000-8000-000000000001", "from=0000-01-01&to=9999-12-31T23:59:59%2B14:00&limit=501", strings.Repeat("[", 20_000), "")
	}
	f.Fuzz(func(t *testing.T, which uint8, segment, query, body, key string) {
		op := operations[int(which)%len(operations)]
		r := httptest.NewRequestWithContext(t.Context(), op.method, "/", strings.NewReader(body))
		at := op.path
		for _, name := range []string{"{id}", "{partId}", "{serialNumber}"} {
			at = strings.ReplaceAll(at, name, url.PathEscape(segment))
		}
		var err error
		if r.URL, err = url.Parse(at); err != nil {
			t.Skip()
		}
		r.URL.RawQuery = query
		r.Header.Set("Authorization", "Bearer admin")
		r.Header.Set("Content-Type", "application/json")
		if key != "" {
			r.Header.Set("Idempotency-Key", key)
		}
		before := sent.events
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		res := w.Result()
		answered, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		if res.StatusCode >= http.StatusInternalServerError {
			t.Fatalf("%s %s?%s: %d %s", op.method, at, query, res.StatusCode, answered)
		}
		if strings.HasSuffix(res.Header.Get("Content-Type"), "json") && !json.Valid(bytes.TrimSpace(answered)) {
			t.Fatalf("%s %s?%s: no JSON: %s", op.method, at, query, answered)
		}
		became := sent.events - before
		if became > 0 && (!op.write || res.StatusCode == http.StatusBadRequest || res.StatusCode == http.StatusNotFound || became > 1) {
			t.Fatalf("%s %s?%s %s: %d, and %d events", op.method, at, query, body, res.StatusCode, became)
		}
	})
}
