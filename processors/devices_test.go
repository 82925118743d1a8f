package processors

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/store"
	"github.com/machshop/seriald/store/storetest"
	"github.com/machshop/seriald/stream"
)

func deviceEvent(device, site string, after time.Duration, status seriald.Status) *decision {
	return &decision{
		item: &item{
			taken: taken{stored: testNow.Add(after)},
			event: &seriald.Event{Type: seriald.TypeSerialGenerate, Origin: seriald.Origin{Site: site, Line: "l", Device: device}},
		},
		outcome: seriald.Outcome{Status: status},
	}
}

func statusItem(device string, after time.Duration, online bool) *item {
	return &item{
		taken:  taken{stored: testNow.Add(after)},
		event:  &seriald.Event{Type: seriald.TypeDeviceStatus, Origin: seriald.Origin{Site: "plant1", Line: "l", Device: device}},
		online: online,
	}
}

func TestDeviceRows(t *testing.T) {
	t.Parallel()
	origin := func(device string) seriald.Origin { return seriald.Origin{Site: "plant1", Line: "l", Device: device} }
	got := deviceRows([]*decision{
		deviceEvent("a", "plant1", 2*time.Second, seriald.StatusAccepted),
		deviceEvent("", "plant1", 2*time.Second, seriald.StatusAccepted),   // an MES
		deviceEvent("x", "plant 1", 2*time.Second, seriald.StatusRejected), // a site that can't be
		deviceEvent("b", "plant1", time.Second, seriald.StatusIgnored),
		deviceEvent("a", "plant1", time.Second, seriald.StatusRejected),
		deviceEvent("b", "plant1", 3*time.Second, seriald.StatusConflict),
	}, []*item{
		statusItem("b", 5*time.Second, true), statusItem("b", 4*time.Second, false),
		statusItem("c", 0, true), statusItem("c", 0, false),
	})
	want := []store.DeviceRow{
		{Origin: origin("a"), SeenAt: testNow.Add(2 * time.Second), Events: 2, Refused: 1},
		{Origin: origin("b"), SeenAt: testNow.Add(5 * time.Second), Events: 2, Online: true, StatusAt: testNow.Add(5 * time.Second)},
		{Origin: origin("c"), SeenAt: testNow, StatusAt: testNow},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestSplitKeepsTheOrder(t *testing.T) {
	t.Parallel()
	event := func(id string) *item {
		return &item{event: &seriald.Event{ID: seriald.EventID(id), Type: seriald.TypeSerialGenerate}}
	}
	a, b, c, x, y := event("a"), event("b"), event("c"), statusItem("x", 0, true), statusItem("y", 0, true)
	for name, tt := range map[string]struct{ items, events, statuses []*item }{
		"mixed":    {[]*item{a, x, b, y, c}, []*item{a, b, c}, []*item{x, y}},
		"events":   {[]*item{a, b}, []*item{a, b}, nil},
		"statuses": {[]*item{x, y}, nil, []*item{x, y}},
	} {
		events, statuses := split(tt.items)
		if fmt.Sprint(events) != fmt.Sprint(tt.events) || fmt.Sprint(statuses) != fmt.Sprint(tt.statuses) {
			t.Errorf("%s: got %v and %v, want %v and %v", name, events, statuses, tt.events, tt.statuses)
		}
	}
}

func (r *rig) publishStatus(device, data string) {
	r.tb.Helper()
	e := &seriald.Event{
		ID: seriald.EventID(newID().String()), Type: seriald.TypeDeviceStatus,
		Origin: seriald.Origin{Site: "plant1", Line: "line1", Device: device}, Key: device, Data: json.RawMessage(data),
	}
	r.send(stream.NewMessage(seriald.EventSubject("plant1", e.Type, e.Key), "", e.Encode()))
}

// device is the row of a device as text.
func (r *rig) device(name string) string {
	r.tb.Helper()
	return storetest.Value[string](r.tb, r.db, `SELECT COALESCE(max(format('online %s, events %s, refused %s', COALESCE(online::text, '?'), events, refused)), 'none')
		FROM devices WHERE device = $1 AND site = 'plant1' AND line = 'line1'`, name)
}

func TestDevicesAreCounted(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start(nil)
	r.publishStatus("quiet", `{"status":"online"}`) // a batch of nothing else
	r.publishStatus("d1", `{"status":"online"}`)
	r.publish(seriald.TypeSerialGenerate, "good", `{"partId":"PART-001"}`)
	r.publish(seriald.TypeSerialGenerate, "good", `{"partId":"PART-001"}`)
	r.publish(seriald.TypeSerialGenerate, "bad", `{"partId":"NONE"}`)
	r.publishStatus("quiet", `{"status":"offline"}`)
	r.drained()
	if got, want := r.device("quiet"), "online false, events 0, refused 0"; got != want {
		t.Errorf("quiet: %s, want %s", got, want)
	}
	if got, want := r.device("d1"), "online true, events 2, refused 1"; got != want {
		t.Errorf("d1: %s, want %s", got, want)
	}
	// A repeat in another batch counts no more than one in the same.
	r.publish(seriald.TypeSerialGenerate, "good", `{"partId":"PART-001"}`)
	r.drained()
	if got, want := r.device("d1"), "online true, events 2, refused 1"; got != want {
		t.Errorf("d1 after a repeat: %s, want %s", got, want)
	}
	if n := r.count("processed_events") + r.count("audit_events WHERE event_id IS NOT NULL"); n != 4 {
		t.Errorf("%d inbox rows and audit events, want 2 of each: a status has none", n)
	}
	for _, state := range []string{"online", "offline"} {
		r.runner.metrics.devices.WithLabelValues(state).Set(-1)
	}
	ctx, cancel := context.WithCancel(context.Background())
	counted := make(chan struct{})
	go func() { defer close(counted); r.runner.measureAll(ctx) }()
	for _, state := range []string{"online", "offline"} {
		for deadline := time.Now().Add(patience); gauge(t, r.runner.metrics.devices.WithLabelValues(state)) != 1; {
			if time.Now().After(deadline) {
				t.Fatalf("seriald_devices %s is %v, want 1", state, gauge(t, r.runner.metrics.devices.WithLabelValues(state)))
			}
		}
	}
	cancel()
	<-counted
}

func gauge(tb testing.TB, g prometheus.Gauge) float64 {
	tb.Helper()
	return metricOf(tb, g).GetGauge().GetValue()
}

// A batch that is undone has counted nothing; when it is run again it counts once.
func TestDevicesOfAnUndoneBatch(t *testing.T) {
	t.Parallel()
	dsn := storetest.DSN(t, storetest.Fast)
	conn := storetest.Conn(t, dsn)
	p := newProcessor(t, dsn)
	items := append(benchEvents(3, "e"), statusItem("scanner1", 0, true))
	fail := func(stage string, _ []*item) error {
		if stage == "commit" {
			return store.ErrUnavailable
		}
		return nil
	}
	p.failBatch.Store(&fail)
	if _, _, err := p.process(context.Background(), items); !errors.Is(err, store.ErrUnavailable) {
		t.Fatal(err)
	}
	p.failBatch.Store(nil)
	for range 2 { // the second comes again after a COMMIT whose acknowledgement was lost
		if _, _, err := p.process(context.Background(), items); err != nil {
			t.Fatal(err)
		}
	}
	if n := storetest.Value[int64](t, conn, "SELECT events FROM devices WHERE device = 'scanner1' AND line = 'line1'"); n != 3 {
		t.Errorf("%d events counted, want 3", n)
	}
}

// A status that says nothing is a dead letter, and holds up nobody.
func TestBadStatusBecomesADeadLetter(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.publishStatus("d1", `{"status":"sideways"}`)
	r.publish(seriald.TypeSerialGenerate, "good", `{"partId":"PART-001"}`)
	r.start(nil)
	if m := r.read(seriald.StreamDeadLetters, 1)[0]; m.Headers().Get(stream.HeaderReason) != string(seriald.CodeValidation) {
		t.Errorf("dead letter %v", m.Headers())
	}
	if o := r.results(1)[0]; o.EventID != "good" || o.Status != seriald.StatusAccepted {
		t.Errorf("outcome %+v: the device of a status is told nothing", o)
	}
	r.drained()
	if got := r.device("d1"); got != "online ?, events 1, refused 0" {
		t.Errorf("device %s", got)
	}
}
