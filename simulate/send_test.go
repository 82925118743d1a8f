package simulate

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/machshop/seriald"
)

var scanner = seriald.Origin{Site: "plant1", Line: "line1", Device: "scanner1"}

func TestSendReturnsTheOutcome(t *testing.T) {
	t.Parallel()
	b := startBroker(t)
	service := startService(t, b, func(r request) []string {
		// Those of other events of the same device come first.
		return append([]string{"{", outcome("other", "accepted", "SN-other", false)}, wellBehaved(r)...)
	})
	send := func(fields map[string]any) string {
		t.Helper()
		got, err := Send(t.Context(), b.ingest(), scanner, seriald.TypeSerialGenerate, fields, patience)
		if err != nil {
			t.Fatal(err)
		}
		return string(got)
	}
	fields := map[string]any{"id": "demo-1", "partId": "PART-001", "quantity": json.Number("2")}
	if got, want := send(fields), outcome("demo-1", "accepted", "SN-demo-1", false); got != want {
		t.Errorf("got outcome %s, want %s", got, want)
	}
	if got, want := send(fields), outcome("demo-1", "accepted", "SN-demo-1", true); got != want {
		t.Errorf("got outcome %s to the repeat, want %s", got, want)
	}
	want := `machshop/plant1/line1/scanner1/event/serial_generate {"id":"demo-1","partId":"PART-001","quantity":2}`
	if diff := cmp.Diff(want, service.payloads["demo-1"]); diff != "" {
		t.Error(diff)
	}
	anonymous := map[string]any{"partId": "PART-001"}
	if first, second := send(anonymous), send(anonymous); first == second || len(anonymous) != 1 {
		t.Errorf("two events without an id got the outcomes %s and %s; fields are now %v", first, second, anonymous)
	}
	send(nil)
}

func TestSendTellsWhatIsMissing(t *testing.T) {
	t.Parallel()
	silent := startBroker(t)
	startService(t, silent, func(request) []string { return nil })
	_, err := Send(t.Context(), silent.ingest(), scanner, seriald.TypeSerialGenerate, map[string]any{"id": "x"}, 300*time.Millisecond)
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "event x: the broker has it") {
		t.Errorf("no outcome: got error %v", err)
	}
	away := newBroker(t)
	if _, err := Send(t.Context(), away.ingest(), scanner, seriald.TypeSerialGenerate, nil, patience); err == nil ||
		!strings.Contains(err.Error(), "connect to "+away.url()) {
		t.Errorf("no broker: got error %v", err)
	}
	for name, c := range map[string]struct {
		origin seriald.Origin
		typ    seriald.EventType
		fields map[string]any
		says   string
	}{
		"site":   {seriald.Origin{Line: "l", Device: "d"}, "x", nil, "site:"},
		"device": {seriald.Origin{Site: "s", Line: "l", Device: "#"}, "x", nil, "device:"},
		"type":   {scanner, "a/b", nil, "event type:"},
		"id":     {scanner, "x", map[string]any{"id": json.Number("7")}, "id: must be text"},
		"no id":  {scanner, "x", map[string]any{"id": ""}, "must not be empty"},
		"field":  {scanner, "x", map[string]any{"f": func() {}}, "encode event"},
	} {
		if _, err := Send(t.Context(), away.ingest(), c.origin, c.typ, c.fields, patience); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got error %v, want one that says %q", name, err, c.says)
		}
	}
}
