package ingest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/ingest/brokertest"
	"github.com/machshop/seriald/stream"
)

func publishTo(tb testing.TB, c mqtt.Client, topic, payload string) {
	tb.Helper()
	if t := c.Publish(topic, 1, false, payload); !t.WaitTimeout(patience) || t.Error() != nil {
		tb.Fatalf("publish to %s: %v", topic, t.Error())
	}
}

// What readers, devices and foreign topics say arrives as events, through a real
// broker.
func TestBridgeReadsEveryTopic(t *testing.T) {
	t.Parallel()
	for name, start := range brokers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := start(t)
			natsURL, conn := startNATS(t)
			cfg.ScanDebounce = time.Minute
			cfg.Routes = []Route{
				{Topic: "factory/+/scanner/{device}", Site: "plant2", Line: "line9", Decoder: DecoderScan, Field: "partId", Event: "serial_generate"},
				{
					Topic: "machshop/plant1/line1/goods-in/scan", Site: "plant1", Line: "line1", Device: "goods-in", Decoder: DecoderScan,
					Event: "vendor_serial_receive", Field: "vendorSerialNumber", Defaults: map[string]any{"partId": "PART-002", "vendorName": "Acme"},
				},
			}
			startBridge(t, cfg, natsURL)
			d := device(t, cfg.URL, "d1")
			for i, c := range []struct{ topic, payload, want string }{
				{topicD1, `{"id":"e","partId":"P"}`, `serial_generate /plant1/line1/d1 {"id":"e","partId":"P"}`},
				{topicD1, `{"specversion":"1.0","id":"ce","source":"x","type":"y","data":{"partId":"P"}}`, `serial_generate /plant1/line1/d1 {"partId":"P"}`},
				{"machshop/plant1/line1/d1/scan", "SN-1\r\n", `operation_complete /plant1/line1/d1 {"serialNumber":"SN-1","workCenterId":"d1"}`},
				{"machshop/plant1/line1/d1/status", "online", `device_status /plant1/line1/d1 {"status":"online"}`},
				{"machshop/plant1/line1/d1/status", "offline", `device_status /plant1/line1/d1 {"status":"offline"}`},
				{"factory/hall-3/scanner/d7", "PART-001", `serial_generate /plant2/line9/d7 {"partId":"PART-001"}`},
				{"machshop/plant1/line1/goods-in/scan", "V-1", `vendor_serial_receive /plant1/line1/goods-in {"vendorSerialNumber":"V-1","partId":"PART-002","vendorName":"Acme"}`},
			} {
				publishTo(t, d, c.topic, c.payload)
				e, err := seriald.DecodeEvent(read(t, conn, seriald.StreamEvents, i+1)[i].Data())
				if err != nil {
					t.Fatal(err)
				}
				if got := fmt.Sprintf("%s %s %s", e.Type, e.Origin.Source(), e.Data); got != c.want {
					t.Errorf("%s %q:\n got %s\nwant %s", c.topic, c.payload, got, c.want)
				}
			}
		})
	}
}

// A code that is read twice counts once, and one that could not be stored is not
// its own double when it comes again.
func TestBridgeDropsDoubleReads(t *testing.T) {
	t.Parallel()
	broker := brokertest.Start(t)
	natsURL, conn := startNATS(t)
	cfg := testConfig(broker.URL)
	cfg.ScanDebounce = time.Minute
	b, _ := startBridge(t, cfg, natsURL, func(b *Bridge) { b.cycleAfter = 100 * time.Millisecond })
	d := device(t, broker.URL, "d1")
	const topic = "machshop/plant1/line1/d1/scan"
	for _, code := range []string{"A", "A", "B", "A"} {
		publishTo(t, d, topic, code)
	}
	publishTo(t, d, "machshop/plant1/line1/d2/scan", "A")
	waitFor(t, "all settled", func() bool { return counter(t, b.metrics.stored) == 5 })
	if got := counter(t, b.metrics.doubles); got != 2 {
		t.Errorf("%v double reads, want 2", got)
	}
	read(t, conn, seriald.StreamEvents, 3)

	resize(t, conn, 0)
	publishTo(t, d, topic, "C") // fails, and comes again on another connection
	e, err := seriald.DecodeEvent(read(t, conn, seriald.StreamEvents, 4)[3].Data())
	if err != nil || !strings.Contains(string(e.Data), `"C"`) {
		t.Errorf("fourth event %s, %v", e.Data, err)
	}
}

// What a device sends too fast is refused, answered and kept.
func TestBridgeLimitsADevice(t *testing.T) {
	t.Parallel()
	broker := brokertest.Start(t)
	natsURL, conn := startNATS(t)
	cfg := testConfig(broker.URL)
	cfg.DeviceRate, cfg.DeviceBurst = 0.01, 2
	startBridge(t, cfg, natsURL)
	d := device(t, broker.URL, "d1")
	for i := range 3 {
		publish(t, d, fmt.Sprintf(`{"id":"e-%d","partId":"P"}`, i))
	}
	publishTo(t, d, "machshop/plant1/line1/d2/event/serial_generate", `{"id":"other","partId":"P"}`)
	if got := strings.Join(events(t, conn, 3), " "); got != "e-0 e-1 other" {
		t.Errorf("events %s", got)
	}
	dead := read(t, conn, seriald.StreamDeadLetters, 1)[0]
	if got := dead.Headers(); got.Get(stream.HeaderReason) != "RATE_LIMITED" || got.Get(stream.HeaderEventID) != "e-2" {
		t.Errorf("dead letter %v", got)
	}
	if result, err := seriald.ResultData(read(t, conn, seriald.StreamResults, 1)[0].Data()); err != nil || !strings.Contains(string(result), `"eventId":"e-2","status":"rejected","code":"RATE_LIMITED"`) {
		t.Errorf("result %s, %v", result, err)
	}
}
