package embedded

import (
	"errors"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/nats-io/nats.go"
)

type mqttOptions = mqtt.ClientOptions

// newMQTT makes a client with a persistent session.
func newMQTT(n *NATS, id string, change func(*mqttOptions)) mqtt.Client {
	o := mqtt.NewClientOptions().
		AddBroker(n.MQTTURL()).
		SetClientID(id).
		SetProtocolVersion(4).
		SetCleanSession(false).
		SetAutoReconnect(false).
		SetConnectTimeout(10 * time.Second)
	if change != nil {
		change(o)
	}
	return mqtt.NewClient(o)
}

// settled waits for a token, which may hang.
func settled(token mqtt.Token) error {
	if !token.WaitTimeout(20 * time.Second) {
		return errors.New("no answer from the broker")
	}
	return token.Error()
}

// receive connects as the bridge with a handler for what its session has waiting.
func receive(t *testing.T, n *NATS) (mqtt.Client, <-chan mqtt.Message) {
	t.Helper()
	messages := make(chan mqtt.Message, 16)
	client := newMQTT(n, "bridge", func(o *mqttOptions) {
		o.SetDefaultPublishHandler(func(_ mqtt.Client, m mqtt.Message) { messages <- m })
	})
	if err := settled(client.Connect()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Disconnect(0) })
	return client, messages
}

func wantMessage(t *testing.T, messages <-chan mqtt.Message, topic, payload string) {
	t.Helper()
	select {
	case m := <-messages:
		if m.Topic() != topic || string(m.Payload()) != payload || m.Qos() != 1 {
			t.Errorf("got %s %q at QoS %d, want %s %q at 1", m.Topic(), m.Payload(), m.Qos(), topic, payload)
		}
	case <-time.After(mqttAckWait + 20*time.Second): // sent into a closing connection, it comes again after AckWait
		t.Errorf("%s %q does not arrive", topic, payload)
	}
}

func TestMQTTSessionOutlivesTheServer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const topic = "machshop/plant1/line1/scanner/scan"
	n := startNATSFor(t, NATSConfig{Dir: dir, MQTTPort: -1})
	bridge, messages := receive(t, n)
	// As many filters as a bridge may need: past 65535 in flight together they
	// would be refused.
	filters := map[string]byte{"machshop/+/+/+/scan": 1}
	for _, f := range []string{"a/#", "b/#", "c/#", "d/#", "e/#", "f/#", "g/#"} {
		filters[f] = 1
	}
	token := bridge.SubscribeMultiple(filters, nil)
	if err := settled(token); err != nil {
		t.Fatal(err)
	}
	for filter, code := range token.(*mqtt.SubscribeToken).Result() {
		if code != 1 {
			t.Errorf("%s: the broker answers %#x", filter, code)
		}
	}

	device := newMQTT(n, "device", nil)
	if err := settled(device.Connect()); err != nil {
		t.Fatal(err)
	}
	if err := settled(device.Publish(topic, 1, false, "one")); err != nil {
		t.Fatal(err)
	}
	wantMessage(t, messages, topic, "one")

	// The bridge is away, and what was acknowledged waits for it.
	interest := n.server.NumSubscriptions()
	bridge.Disconnect(uint(time.Second / time.Millisecond))
	eventually(t, "the server has seen the bridge go", func() bool { return n.server.NumSubscriptions() < interest })
	if err := settled(device.Publish(topic, 1, false, "two")); err != nil {
		t.Fatal(err)
	}
	device.Disconnect(0)
	n.Close()

	n = startNATSFor(t, NATSConfig{Dir: dir, MQTTPort: -1})
	_, messages = receive(t, n)
	wantMessage(t, messages, topic, "two")
}

func TestMQTTAndNATSAreApart(t *testing.T) {
	t.Parallel()
	n := startNATSFor(t, NATSConfig{Dir: t.TempDir(), MQTTPort: -1})
	conn, err := nats.Connect(n.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	everything, err := conn.SubscribeSync(">")
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Flush(); err != nil {
		t.Fatal(err)
	}
	client, messages := receive(t, n)
	if err := settled(client.Subscribe("#", 1, nil)); err != nil {
		t.Fatal(err)
	}

	// Either side sees its own marker first, so nothing of the other came before.
	if err := settled(client.Publish("machshop/of/mqtt", 1, false, "mqtt")); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(conn.Publish("machshop.of.nats", []byte("nats")), conn.Flush()); err != nil {
		t.Fatal(err)
	}
	if err := settled(client.Publish("machshop/of/mqtt", 1, false, "marker")); err != nil {
		t.Fatal(err)
	}
	m, err := everything.NextMsg(10 * time.Second)
	if err != nil || m.Subject != "machshop.of.nats" {
		t.Errorf("NATS sees %+v, %v", m, err)
	}
	wantMessage(t, messages, "machshop/of/mqtt", "mqtt")
	wantMessage(t, messages, "machshop/of/mqtt", "marker")
	if n, _, err := everything.Pending(); err != nil || n != 0 {
		t.Errorf("NATS sees %d more, %v", n, err)
	}
}

// What a killed process had received and not acknowledged comes first, in order,
// and at once.
func TestMQTTRedeliversFirstWhatWasPending(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const topic = "machshop/plant1/line1/scanner/scan"
	n := startNATSFor(t, NATSConfig{Dir: dir, MQTTPort: -1})
	received := make(chan mqtt.Message, 16)
	silent := newMQTT(n, "bridge", func(o *mqttOptions) {
		o.SetAutoAckDisabled(true).SetDefaultPublishHandler(func(_ mqtt.Client, m mqtt.Message) { received <- m })
	})
	if err := settled(silent.Connect()); err != nil {
		t.Fatal(err)
	}
	if err := settled(silent.Subscribe(topic, 1, nil)); err != nil {
		t.Fatal(err)
	}
	device := newMQTT(n, "device", nil)
	if err := settled(device.Connect()); err != nil {
		t.Fatal(err)
	}
	for _, payload := range []string{"1", "2", "3"} {
		if err := settled(device.Publish(topic, 1, false, payload)); err != nil {
			t.Fatal(err)
		}
		<-received // and no acknowledgement
	}
	silent.Disconnect(0)
	if err := settled(device.Publish(topic, 1, false, "4")); err != nil {
		t.Fatal(err)
	}
	device.Disconnect(0)
	n.Close()

	n = startNATSFor(t, NATSConfig{Dir: dir, MQTTPort: -1})
	began := time.Now()
	_, messages := receive(t, n)
	for _, payload := range []string{"1", "2", "3", "4"} {
		wantMessage(t, messages, topic, payload)
	}
	if took := time.Since(began); took > mqttAckWait/2 {
		t.Errorf("took %s: it came by AckWait", took)
	}
}
