package ingest

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/embedded"
	"github.com/machshop/seriald/ingest/brokertest"
	"github.com/machshop/seriald/stream"
	"github.com/machshop/seriald/stream/streamtest"
)

// resize sets how many bytes the event stream may have; 0 is what it has now.
func resize(tb testing.TB, conn *stream.Conn, bytes int64) {
	tb.Helper()
	s, err := conn.JS.Stream(context.Background(), seriald.StreamEvents)
	if err != nil {
		tb.Fatal(err)
	}
	cfg := s.CachedInfo().Config
	if cfg.MaxBytes = bytes; bytes == 0 {
		cfg.MaxBytes = int64(max(1, s.CachedInfo().State.Bytes))
	}
	if _, err := conn.JS.UpdateStream(context.Background(), cfg); err != nil {
		tb.Fatal(err)
	}
}

// The stream is full for long: the bridge gives its connection up, so that the
// broker keeps everything, and all of it comes again, in order and nothing twice,
// not even what has no id.
func TestBridgeCyclesItsConnection(t *testing.T) {
	t.Parallel()
	t.Run("mosquitto", func(t *testing.T) {
		t.Parallel()
		tryCycle(t, testConfig(brokertest.Start(t).URL))
	})
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		n, err := embedded.StartNATS(embedded.NATSConfig{Dir: t.TempDir(), MQTTPort: -1, NoSync: true})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(n.Close)
		cfg := testConfig(n.MQTTURL())
		cfg.Resume = n.Resume
		tryCycle(t, cfg)
	})
}

func tryCycle(t *testing.T, cfg Config) {
	t.Helper()
	natsURL, conn := startNATS(t)
	b, _ := startBridge(t, cfg, natsURL, func(b *Bridge) { b.cycleAfter = 200 * time.Millisecond })
	d := device(t, cfg.URL, "d1")
	publish(t, d, `{"id":"before","partId":"P"}`)
	events(t, conn, 1)

	resize(t, conn, 0)
	for i := range 20 {
		if i == 10 { // the others come while the bridge is away, or just after
			waitFor(t, "connection given up", func() bool { return !b.Connected() })
		}
		publish(t, d, fmt.Sprintf(`{"partId":"P","n":%d}`, i))
	}
	// The next session makes room: it provisions the streams.
	waitFor(t, "received again on another connection", func() bool { return counter(t, b.metrics.received) >= 31 })
	var got []string
	for _, m := range read(t, conn, seriald.StreamEvents, 21)[1:] {
		e, err := seriald.DecodeEvent(m.Data())
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(e.Data))
	}
	for i, data := range got {
		if want := fmt.Sprintf(`{"partId":"P","n":%d}`, i); data != want {
			t.Errorf("event %d is %s, want %s", i, data, want)
		}
	}
	publish(t, d, `{"id":"after","partId":"P"}`)
	if ids := events(t, conn, 22); ids[21] != "after" {
		t.Errorf("events %v: more than were sent", ids)
	}
}

// Whatever the broker sends, a bridge that can't store takes in so much and no
// more.
func TestBridgeBoundsWhatItHolds(t *testing.T) {
	t.Parallel()
	const n, size = 400, 200 << 10
	broker := brokertest.Start(t)
	natsURL, conn := startNATS(t)
	b, stop := startBridge(t, testConfig(broker.URL), natsURL, func(b *Bridge) { b.cycleAfter = time.Hour })
	resize(t, conn, 0)
	d := device(t, broker.URL, "d1")
	filler := strings.Repeat("x", size)
	for i := range n {
		publish(t, d, fmt.Sprintf(`{"id":"e-%03d","partId":"P","filler":%q}`, i, filler))
	}
	const most = maxInFlightBytes/size + 1
	waitFor(t, "window full", func() bool { return counter(t, b.metrics.received) >= most-2 })
	settled := time.Now()
	waitFor(t, "half a second without reading on", func() bool {
		if got := b.inFlight(); got > most {
			t.Fatalf("%d messages are held, at most %d may be", got, most)
		}
		return time.Since(settled) > 500*time.Millisecond
	})
	stop()
	b, _ = runBridge(t, testConfig(broker.URL), natsURL) // makes room
	waitFor(t, "stored", func() bool { return counter(t, b.metrics.stored) >= n })
	want := make([]string, n)
	for i := range want {
		want[i] = fmt.Sprintf("e-%03d", i)
	}
	if got := events(t, conn, n); !slices.Equal(got, want) {
		t.Errorf("events %v", got)
	}
}

// What no message of the streams can carry becomes a dead letter that is cut, and
// holds up nobody. So does what the broker keeps (retained) and has no id.
func TestBridgeBuriesWhatCannotBeStored(t *testing.T) {
	t.Parallel()
	for name, start := range brokers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := start(t)
			natsURL, conn := startNATS(t)
			d := device(t, cfg.URL, "d1")
			if token := d.Publish(topicD1, 1, true, `{"partId":"retained"}`); !token.WaitTimeout(patience) || token.Error() != nil {
				t.Fatal(token.Error())
			}
			startBridge(t, cfg, natsURL)
			retained := read(t, conn, seriald.StreamDeadLetters, 1)[0]
			if detail := retained.Headers().Get(stream.HeaderDetail); !strings.Contains(detail, "retain") {
				t.Errorf("detail %q", detail)
			}
			// The NATS listener takes a packet of 1 MiB at most.
			huge := `{"id":"huge","partId":"` + strings.Repeat("x", 1<<20-200) + `"}`
			if name == "mosquitto" {
				huge = `{"id":"huge","partId":"` + strings.Repeat("x", 3<<20) + `"}`
			}
			publish(t, d, huge)
			publish(t, d, `{"id":"next","partId":"P"}`)
			if got := events(t, conn, 1); got[0] != "next" {
				t.Errorf("event %s", got[0])
			}
			dead := read(t, conn, seriald.StreamDeadLetters, 2)[1]
			if got := dead.Headers().Get(stream.HeaderReason); got != string(seriald.CodePayloadTooLarge) {
				t.Errorf("reason %s", got)
			}
			if !strings.HasPrefix(huge, string(dead.Data())) || len(dead.Data()) < DefaultMaxPayload {
				t.Errorf("dead letter has %d bytes, %.40q…", len(dead.Data()), dead.Data())
			}
		})
	}
}

// Two bridges with one client id: one works, the other takes over, in order and
// after a crash.
func TestBridgesTakeTurns(t *testing.T) {
	t.Parallel()
	for name, start := range brokers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := start(t)
			natsURL, conn := startNATS(t)
			first, stopFirst := startBridge(t, cfg, natsURL)
			connSecond, err := stream.Connect(streamtest.Config(natsURL), "second", slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			second := NewBridge(cfg, connSecond, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
			runUntil(t, second.Run, connSecond.Close)
			waitFor(t, "second stands by", second.Standby)
			d := device(t, cfg.URL, "d1")
			publish(t, d, `{"id":"e-1","partId":"P"}`)
			events(t, conn, 1)
			if !first.Connected() || second.Connected() {
				t.Errorf("first works %t, second %t", first.Connected(), second.Connected())
			}
			stopFirst()
			waitFor(t, "second works", second.Connected)
			publish(t, d, `{"id":"e-2","partId":"P"}`)
			events(t, conn, 2)

			// The second loses NATS, as a process that hangs does.
			third, _ := runBridge(t, cfg, natsURL)
			waitFor(t, "third stands by", third.Standby)
			connSecond.Close()
			waitFor(t, "third works", third.Connected)
			if second.Connected() {
				t.Error("second works still")
			}
			publish(t, d, `{"id":"e-3","partId":"P"}`)
			if got := events(t, conn, 3); !slices.Equal(got, []string{"e-1", "e-2", "e-3"}) {
				t.Errorf("events %v", got)
			}
		})
	}
}

// Bridges that share a subscription all work, and each event is stored once.
func TestBridgesShareASubscription(t *testing.T) {
	t.Parallel()
	broker := brokertest.Start(t)
	natsURL, conn := startNATS(t)
	var bridges []*Bridge
	for _, id := range []string{"bridge-a", "bridge-b"} {
		cfg := testConfig(broker.URL)
		cfg.ClientID, cfg.ShareGroup = id, "seriald"
		b, _ := runBridge(t, cfg, natsURL)
		bridges = append(bridges, b)
	}
	for _, b := range bridges {
		waitFor(t, "subscribed", b.Connected)
	}
	d := device(t, broker.URL, "d1")
	const n = 40
	var want []string
	for i := range n {
		id := fmt.Sprintf("e-%02d", i)
		want = append(want, id)
		publish(t, d, fmt.Sprintf(`{"id":%q,"partId":"P"}`, id))
	}
	got := events(t, conn, n)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("events %v", got)
	}
	for i, b := range bridges {
		if counter(t, b.metrics.received) == 0 {
			t.Errorf("bridge %d received nothing", i)
		}
	}
}

// A session keeps its subscriptions at the broker. What a bridge with another
// configuration does not want any more it gives up, or messages would come twice,
// or for nobody.
func TestBridgeGivesUpWhatItSubscribedBefore(t *testing.T) {
	t.Parallel()
	broker := brokertest.Start(t)
	natsURL, conn := startNATS(t)
	before := testConfig(broker.URL)
	before.Routes = []Route{{Topic: "old/{device}", Site: "s", Line: "l", Decoder: DecoderScan}}
	_, stop := startBridge(t, before, natsURL)
	stop()
	after := testConfig(broker.URL)
	after.ShareGroup = "seriald" // the same topics by another subscription
	b, _ := startBridge(t, after, natsURL)
	d := device(t, broker.URL, "d1")
	publishTo(t, d, "old/d7", "SN-1")
	publish(t, d, `{"partId":"P"}`)
	publish(t, d, `{"id":"last","partId":"P"}`)
	if got := events(t, conn, 2); got[1] != "last" {
		t.Errorf("events %v: what has no id came twice", got)
	}
	if got := counter(t, b.metrics.received); got != 2 {
		t.Errorf("%v messages received, want 2", got)
	}
}

// An operator's limit on the event stream refuses one event for good: it becomes
// a dead letter, and its neighbours are stored, in order.
func TestBridgeBuriesWhatTheStreamRefuses(t *testing.T) {
	t.Parallel()
	broker := brokertest.Start(t)
	natsURL := streamtest.Start(t, true)
	conn := streamtest.Connect(t, natsURL)
	s, err := conn.JS.Stream(context.Background(), seriald.StreamEvents)
	if err != nil {
		t.Fatal(err)
	}
	limited := s.CachedInfo().Config
	limited.MaxMsgSize = 2000
	if _, err := conn.JS.UpdateStream(context.Background(), limited); err != nil {
		t.Fatal(err)
	}
	b, stop := runBridge(t, testConfig(broker.URL), natsURL)
	waitFor(t, "subscribed", b.Connected)
	stop() // so that all comes as one batch
	d := device(t, broker.URL, "d1")
	var want []string
	for i := range 20 {
		id, filler := fmt.Sprintf("e-%02d", i), ""
		if i == 7 || i == 8 {
			filler = strings.Repeat("x", 3000)
		} else {
			want = append(want, id)
		}
		publish(t, d, fmt.Sprintf(`{"id":%q,"partId":"P","filler":%q}`, id, filler))
	}
	runBridge(t, testConfig(broker.URL), natsURL)
	if got := events(t, conn, len(want)); !slices.Equal(got, want) {
		t.Errorf("events %v, want %v", got, want)
	}
	for i, dead := range read(t, conn, seriald.StreamDeadLetters, 2) {
		h := dead.Headers()
		if got, want := h.Get(stream.HeaderEventID), fmt.Sprintf("e-%02d", 7+i); got != want || h.Get(stream.HeaderReason) != "PAYLOAD_TOO_LARGE" {
			t.Errorf("dead letter of %s: %v, want that of %s", got, h, want)
		}
	}
}
