package ingest

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/embedded"
	"github.com/machshop/seriald/ingest/brokertest"
	"github.com/machshop/seriald/stream"
	"github.com/machshop/seriald/stream/streamtest"
)

// patience is how long a test waits for something that takes milliseconds.
const patience = 40 * time.Second

// brokers are the kinds of broker that the bridge has to work with: each starts
// one and returns the settings that the service has with it.
var brokers = map[string]func(testing.TB) Config{
	"mosquitto": func(tb testing.TB) Config {
		tb.Helper()
		return testConfig(brokertest.Start(tb).URL)
	},
	"embedded": func(tb testing.TB) Config {
		tb.Helper()
		n, err := embedded.StartNATS(embedded.NATSConfig{Dir: tb.TempDir(), MQTTPort: -1, NoSync: true})
		if err != nil {
			tb.Fatal(err)
		}
		tb.Cleanup(n.Close)
		cfg := testConfig(n.MQTTURL())
		cfg.Resume = n.Resume
		return cfg
	},
}

func testConfig(url string) Config {
	return Config{URL: url, ClientID: DefaultClientID, MaxPayload: DefaultMaxPayload}
}

// startNATS starts a server with all streams.
func startNATS(tb testing.TB) (url string, conn *stream.Conn) {
	tb.Helper()
	url = streamtest.Start(tb, true)
	return url, streamtest.Connect(tb, url)
}

// runBridge runs a bridge, set up by with, until stop is called.
func runBridge(tb testing.TB, cfg Config, natsURL string, with ...func(*Bridge)) (b *Bridge, stop func()) {
	tb.Helper()
	conn, err := stream.Connect(streamtest.Config(natsURL), "bridge", slog.New(slog.DiscardHandler))
	if err != nil {
		tb.Fatal(err)
	}
	b = NewBridge(cfg, conn, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	for _, set := range with {
		set(b)
	}
	return b, runUntil(tb, b.Run, conn.Close)
}

// startBridge runs a bridge as runBridge does, and returns when it has subscribed.
func startBridge(tb testing.TB, cfg Config, natsURL string, with ...func(*Bridge)) (b *Bridge, stop func()) {
	tb.Helper()
	b, stop = runBridge(tb, cfg, natsURL, with...)
	waitFor(tb, "subscribed", b.Connected)
	return b, stop
}

func runUntil(tb testing.TB, run func(context.Context) error, after func()) (stop func()) {
	tb.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-ended; err != nil {
			tb.Errorf("Run: %v", err)
		}
		after()
	}
	tb.Cleanup(stop)
	return stop
}

func waitFor(tb testing.TB, what string, condition func() bool) {
	tb.Helper()
	for deadline := time.Now().Add(patience); !condition(); {
		if time.Now().After(deadline) {
			tb.Fatalf("timed out: %s", what)
		}
		<-time.After(2 * time.Millisecond)
	}
}

// testOptions are the options of a client whose log nobody reads.
func testOptions(cfg Config, id string) *mqtt.ClientOptions {
	return clientOptions(cfg, id, newDialer(cfg, slog.New(slog.DiscardHandler), 0))
}

// device is a plain MQTT client that is told what it published was taken.
func device(tb testing.TB, url, id string) mqtt.Client {
	tb.Helper()
	c := mqtt.NewClient(testOptions(testConfig(url), id))
	if t := c.Connect(); !t.WaitTimeout(patience) || t.Error() != nil {
		tb.Fatalf("connect: %v", t.Error())
	}
	tb.Cleanup(func() { c.Disconnect(0) })
	return c
}

func publish(tb testing.TB, c mqtt.Client, payload string) {
	tb.Helper()
	if t := c.Publish(topicD1, 1, false, payload); !t.WaitTimeout(patience) || t.Error() != nil {
		tb.Fatalf("publish: %v", t.Error())
	}
}

const topicD1 = "machshop/plant1/line1/d1/event/serial_generate"

// events returns the event ids in the stream, in order, when n are there.
func events(tb testing.TB, conn *stream.Conn, n int) []string {
	tb.Helper()
	msgs := read(tb, conn, seriald.StreamEvents, n)
	ids := make([]string, len(msgs))
	for i, m := range msgs {
		e, err := seriald.DecodeEvent(m.Data())
		if err != nil {
			tb.Fatal(err)
		}
		ids[i] = string(e.ID)
	}
	return ids
}

func read(tb testing.TB, conn *stream.Conn, name string, n int) []jetstream.Msg {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, err := conn.JS.CreateConsumer(ctx, name, jetstream.ConsumerConfig{AckPolicy: jetstream.AckNonePolicy})
	if err != nil {
		tb.Fatal(err)
	}
	var msgs []jetstream.Msg
	for len(msgs) < n {
		m, err := c.Next(jetstream.FetchMaxWait(patience))
		if err != nil {
			tb.Fatalf("%s: %d of %d messages: %v", name, len(msgs), n, err)
		}
		msgs = append(msgs, m)
	}
	return msgs
}

func TestBridgeForwards(t *testing.T) {
	t.Parallel()
	for name, broker := range brokers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := broker(t)
			natsURL, conn := startNATS(t)
			startBridge(t, cfg, natsURL)
			d := device(t, cfg.URL, "d1")

			publish(t, d, `{"id":"e-1","partId":"PART 1.x","extra":true}`)
			m := read(t, conn, seriald.StreamEvents, 1)[0]
			if got, want := m.Subject()[strings.LastIndexByte(m.Subject(), 'p'):], "plant1.serial_generate.PART_1_x"; got != want {
				t.Errorf("subject %s, want …%s", m.Subject(), want)
			}
			if got := m.Headers().Get("Nats-Msg-Id"); got != "e-1" {
				t.Errorf("Nats-Msg-Id %q", got)
			}
			e, err := seriald.DecodeEvent(m.Data())
			if err != nil {
				t.Fatal(err)
			}
			if e.ID != "e-1" || e.Origin != (seriald.Origin{Site: "plant1", Line: "line1", Device: "d1"}) || e.Key != "PART 1.x" ||
				string(e.Data) != `{"id":"e-1","partId":"PART 1.x","extra":true}` {
				t.Errorf("event %+v with %s", e, e.Data)
			}

			// A repeat passes the duplicate filter: it wants an answer.
			publish(t, d, `{"id":"e-1","partId":"PART 1.x"}`)
			if got := events(t, conn, 2); !slices.Equal(got, []string{"e-1", "e-1"}) {
				t.Errorf("events %v", got)
			}

			// What can't be understood is kept and answered, and stops nobody.
			publish(t, d, `{"id":"bad`)
			publish(t, d, `{"id":"e-2","partId":"P"}`)
			dead := read(t, conn, seriald.StreamDeadLetters, 1)[0]
			if string(dead.Data()) != `{"id":"bad` || dead.Headers().Get(stream.HeaderOrigin) != topicD1 {
				t.Errorf("dead letter %q from %q", dead.Data(), dead.Headers().Get(stream.HeaderOrigin))
			}
			refusal, err := seriald.ResultData(read(t, conn, seriald.StreamResults, 1)[0].Data())
			if err != nil || !strings.Contains(string(refusal), `"status":"rejected","code":"VALIDATION_ERROR"`) {
				t.Errorf("refusal %s, %v", refusal, err)
			}
			if got := events(t, conn, 3)[2]; got != "e-2" {
				t.Errorf("third event %s", got)
			}
		})
	}
}

// Killed with messages received and not stored: the broker has not been told
// that they are safe, and sends them to the next bridge, in order.
func TestBridgeWithholdsPubackUntilStored(t *testing.T) {
	t.Parallel()
	broker := brokertest.Start(t)
	natsURL, conn := startNATS(t)
	b, stop := startBridge(t, testConfig(broker.URL), natsURL)
	d := device(t, broker.URL, "d1")
	publish(t, d, `{"id":"before","partId":"P"}`)
	events(t, conn, 1)

	// The stream takes nothing: the bridge receives and can't store.
	s, err := conn.JS.Stream(context.Background(), seriald.StreamEvents)
	if err != nil {
		t.Fatal(err)
	}
	full := s.CachedInfo().Config
	full.MaxBytes = int64(s.CachedInfo().State.Bytes)
	if _, err := conn.JS.UpdateStream(context.Background(), full); err != nil {
		t.Fatal(err)
	}
	want := []string{"before"}
	for i := range 20 {
		id := fmt.Sprintf("held-%02d", i)
		want = append(want, id)
		publish(t, d, fmt.Sprintf(`{"id":%q,"partId":"P"}`, id))
	}
	waitFor(t, "received", func() bool { return counter(t, b.metrics.received) == 21 && counter(t, b.metrics.retries) > 0 })
	if got := counter(t, b.metrics.stored); got != 1 {
		t.Errorf("%v acknowledged, want 1", got)
	}
	stop() // gives up after its bound; what it holds is gone with it

	// The next start provisions the stream with room.
	b, _ = runBridge(t, testConfig(broker.URL), natsURL)
	waitFor(t, "stored", func() bool { return counter(t, b.metrics.stored) >= 20 })
	if got := events(t, conn, 21); !slices.Equal(got, want) {
		t.Errorf("events %v, want %v", got, want)
	}
}

func TestBridgeSurvivesTheBroker(t *testing.T) {
	t.Parallel()
	broker := brokertest.Start(t)
	natsURL, conn := startNATS(t)
	b, _ := startBridge(t, testConfig(broker.URL), natsURL)
	d := device(t, broker.URL, "d1")
	publish(t, d, `{"id":"e-1","partId":"P"}`)
	events(t, conn, 1)
	broker.Stop()
	waitFor(t, "noticed", func() bool { return !b.Connected() })
	broker.Restart()
	waitFor(t, "subscribed again", b.Connected)
	waitFor(t, "device back", d.IsConnectionOpen)
	publish(t, d, `{"id":"e-2","partId":"P"}`)
	if got := events(t, conn, 2); !slices.Equal(got, []string{"e-1", "e-2"}) {
		t.Errorf("events %v", got)
	}
}

// The bridge is away, with its session at the broker: what is published waits.
func TestBridgeFindsWhatWasPublishedWhileItWasAway(t *testing.T) {
	t.Parallel()
	for name, start := range brokers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := start(t)
			natsURL, conn := startNATS(t)
			_, stop := startBridge(t, cfg, natsURL)
			stop()
			d := device(t, cfg.URL, "d1")
			var want []string
			for i := range 50 {
				id := fmt.Sprintf("e-%02d", i)
				want = append(want, id)
				publish(t, d, fmt.Sprintf(`{"id":%q,"partId":"P"}`, id))
			}
			runBridge(t, cfg, natsURL)
			if got := events(t, conn, 50); !slices.Equal(got, want) {
				t.Errorf("events %v, want %v", got, want)
			}
		})
	}
}

// After a restart the bridge does not know which ids the stream has seen: one of
// them refuses a whole atomic batch, whose other messages must go through.
func TestBridgeStoresABatchWithAnIDThatTheStreamKnows(t *testing.T) {
	t.Parallel()
	broker := brokertest.Start(t)
	natsURL, conn := startNATS(t)
	_, stop := startBridge(t, testConfig(broker.URL), natsURL)
	d := device(t, broker.URL, "d1")
	publish(t, d, `{"id":"e-05","partId":"P"}`)
	events(t, conn, 1)
	stop()
	want := []string{"e-05"}
	for i := range 10 {
		id := fmt.Sprintf("e-%02d", i)
		publish(t, d, fmt.Sprintf(`{"id":%q,"partId":"P"}`, id))
		if id != "e-05" {
			want = append(want, id)
		}
	}
	want = append(want, "e-05") // the repeat goes in again, behind its batch
	b, _ := runBridge(t, testConfig(broker.URL), natsURL)
	waitFor(t, "stored", func() bool { return counter(t, b.metrics.stored) == 10 })
	got := events(t, conn, 11)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("events %v, want %v", got, want)
	}
}

func TestRefusedSubscriptionIsAnError(t *testing.T) {
	t.Parallel()
	d := device(t, brokers["embedded"](t).URL, "d1")
	// The listener allows 65535 messages in flight for all subscriptions of a
	// session together; a refusal comes back in the SUBACK, not as an error.
	topics := make([]string, 20)
	for i := range topics {
		topics[i] = fmt.Sprintf("t/%d", i)
	}
	if err := subscribe(context.Background(), d, topics...); err == nil || !strings.Contains(err.Error(), "refuses") {
		t.Errorf("error %v, want that the broker refuses", err)
	}
}

func TestReturnerReturnsResultsAndSerialEvents(t *testing.T) {
	t.Parallel()
	for name, start := range brokers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := start(t)
			natsURL, conn := startNATS(t)
			origin := seriald.Origin{Site: "plant1", Line: "line1", Device: "d1"}
			results := make(chan string, 10)
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			d, err := DialDevice(ctx, cfg, origin, SessionKept, func(o []byte) { results <- string(o) })
			if err != nil {
				t.Fatal(err)
			}
			d.Close() // the broker keeps its session
			rc, err := stream.Connect(streamtest.Config(natsURL), "returner", slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			r := NewReturner(cfg, rc, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
			runUntil(t, r.Run, rc.Close)
			mes, labels := make(chan mqtt.Message, 10), make(chan mqtt.Message, 10)
			c := device(t, cfg.URL, "mes")
			if token := c.Subscribe("machshop/plant1/serial/assigned", 1, func(_ mqtt.Client, m mqtt.Message) { mes <- m }); !token.WaitTimeout(patience) {
				t.Fatal("not subscribed")
			}

			if token := c.Subscribe("machshop/plant1/line1/printer1/label", 1, func(_ mqtt.Client, m mqtt.Message) { labels <- m }); !token.WaitTimeout(patience) {
				t.Fatal("not subscribed")
			}

			body := seriald.EncodeResult("e.result", []byte(`{"eventId":"e","status":"accepted"}`), origin, time.Now())
			for _, m := range []struct {
				subject string
				body    []byte
			}{
				{seriald.ResultSubject(origin), body},
				{seriald.SerialSubject("plant1", "assigned", "P"), []byte(`{"id":"e.assigned.1.1"}`)},
				{seriald.LabelSubject(seriald.Origin{Site: "plant1", Line: "line1", Device: "printer1"}), []byte("^XA^XZ")},
			} {
				if _, err := conn.JS.Publish(ctx, m.subject, m.body); err != nil {
					t.Fatal(err)
				}
			}
			waitFor(t, "returned", func() bool { return counter(t, r.returned.WithLabelValues("result")) == 1 })
			select {
			case m := <-mes:
				if string(m.Payload()) != `{"id":"e.assigned.1.1"}` || m.Qos() != 1 {
					t.Errorf("serial event %s at QoS %d", m.Payload(), m.Qos())
				}
			case <-ctx.Done():
				t.Error("no serial event")
			}
			select {
			case m := <-labels:
				if string(m.Payload()) != "^XA^XZ" || m.Qos() != 1 {
					t.Errorf("label %s at QoS %d", m.Payload(), m.Qos())
				}
			case <-ctx.Done():
				t.Error("no label")
			}
			// The device was offline all the time.
			d, err = DialDevice(ctx, cfg, origin, SessionKept, func(o []byte) { results <- string(o) })
			if err != nil {
				t.Fatal(err)
			}
			defer d.Forget()
			select {
			case o := <-results:
				if o != `{"eventId":"e","status":"accepted"}` {
					t.Errorf("result %s", o)
				}
			case <-ctx.Done():
				t.Error("the result was not kept for the device")
			}
		})
	}
}

// The broker is away: results wait in their stream.
func TestReturnerWaitsForTheBroker(t *testing.T) {
	t.Parallel()
	broker := brokertest.Start(t)
	natsURL, conn := startNATS(t)
	rc, err := stream.Connect(streamtest.Config(natsURL), "returner", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	r := NewReturner(testConfig(broker.URL), rc, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	runUntil(t, r.Run, rc.Close)
	waitFor(t, "connected", r.Connected)
	origin := seriald.Origin{Site: "plant1", Line: "line1", Device: "d1"}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	results := make(chan string, 100)
	d, err := DialDevice(ctx, testConfig(broker.URL), origin, SessionKept, func(o []byte) { results <- string(o) })
	if err != nil {
		t.Fatal(err)
	}
	defer d.Forget()
	broker.Stop()
	waitFor(t, "noticed", func() bool { return !r.Connected() })
	const n = 20
	for i := range n {
		body := seriald.EncodeResult("r", fmt.Appendf(nil, `{"n":%d}`, i), origin, time.Now())
		if _, err := conn.JS.Publish(ctx, seriald.ResultSubject(origin), body); err != nil {
			t.Fatal(err)
		}
	}
	broker.Restart()
	got := map[string]bool{}
	for len(got) < n {
		select {
		case o := <-results:
			got[o] = true
		case <-ctx.Done():
			t.Fatalf("%d of %d results", len(got), n)
		}
	}
}

func counter(tb testing.TB, c prometheus.Counter) float64 {
	tb.Helper()
	var m dto.Metric
	if err := c.Write(&m); err != nil {
		tb.Fatal(err)
	}
	return m.GetCounter().GetValue()
}
