package api

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/store"
)

func (f fakeDatabase) DeadLetters(_ context.Context, reason string, replayed bool, before store.LetterPlace, limit int) ([]store.DeadLetterSummary, error) {
	if reason == "NONE" {
		return nil, f.err
	}
	return []store.DeadLetterSummary{{ID: seriald.ID{15: 1}, Reason: fmt.Sprint(reason, replayed, limit), Origin: before.ID.String()}}, f.err
}

func (f fakeDatabase) CountDeadLetters(context.Context, string, bool, int) (int, error) {
	return 1, f.err
}

func (f fakeDatabase) DeadLetter(_ context.Context, id seriald.ID) (*store.DeadLetter, error) {
	if id == unknown {
		return nil, store.ErrNotFound
	}
	return &store.DeadLetter{ID: id, Reason: "BAD_SCAN", Payload: []byte("]d2\x1d"), Size: 4, ReceivedAt: noon}, f.err
}

func TestDeadLetters(t *testing.T) {
	t.Parallel()
	deps := dependencies(nil, StateConnected, StateConnected, StateDisabled)
	deps.Replay = func(_ context.Context, id seriald.ID, fixed []byte) (seriald.EventID, error) {
		switch {
		case id == unknown:
			return "", store.ErrNotFound
		case string(fixed) == "bad":
			return "", seriald.Reject(seriald.CodeBadScan, "data", "is no scan")
		case string(fixed) == "away":
			return "", errors.New("no stream")
		}
		return seriald.EventID("e/" + string(fixed)), nil
	}
	url := serve(t, Config{Host: "127.0.0.1"}, deps) + prefix + "/dead-letters"
	const id = "/00000000-0000-0000-0000-000000000001"
	for name, tt := range map[string]struct {
		method, path, body string
		code               int
		want               string
	}{
		"list":             {"GET", "?reason=BAD_SCAN&replayed=true&limit=7", "", 200, `"reason":"BAD_SCANtrue 8"`},
		"more":             {"GET", "?cursor=eyJyZWNlaXZlZEF0IjoiMjAyNi0wMy0wMlQxMjowMDowMFoiLCJpZCI6IjAwMDAwMDAwLTAwMDAtMDAwMC0wMDAwLTAwMDAwMDAwMDAwOSJ9", "", 200, `"origin":"00000000-0000-0000-0000-000000000009"`},
		"none":             {"GET", "?reason=NONE", "", 200, `{"data":[],"total":0,"limit":50,"offset":0}`},
		"one":              {"GET", id, "", 200, `"text":"]d2\u001d","payload":"XWQyHQ==","size":4,"receivedAt":"2026-03-02T12:00:00Z"}`},
		"nobody":           {"GET", "/" + unknown.String(), "", 404, `"code":"NOT_FOUND"`},
		"replay":           {"POST", id + "/replay", "", 202, `"eventId":"e/"`},
		"replay, mended":   {"POST", id + "/replay", `{"text":"x"}`, 202, `"eventId":"e/x"`},
		"replay nobody":    {"POST", "/" + unknown.String() + "/replay", "", 404, `"code":"NOT_FOUND"`},
		"replay, as wrong": {"POST", id + "/replay", `{"text":"bad"}`, 422, `"code":"BAD_SCAN","errors":[{"field":"data","message":"is no scan"}]`},
		"replay, no NATS":  {"POST", id + "/replay", `{"text":"away"}`, 503, `"code":"UNAVAILABLE"`},
	} {
		res, body := send(t, "supervisor", tt.method, url+tt.path, tt.body, "Content-Type", "application/json")
		if res.StatusCode != tt.code || !strings.Contains(body, tt.want) {
			t.Errorf("%s: %d %s, want %d with %s", name, res.StatusCode, body, tt.code, tt.want)
		}
		if location := res.Header.Get("Location"); tt.code == 202 && !strings.HasPrefix(location, "/api/v1/events/e%2F") {
			t.Errorf("%s: Location %s", name, location)
		}
	}
}
