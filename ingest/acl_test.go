package ingest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"github.com/machshop/seriald/ingest/brokertest"
	"github.com/machshop/seriald/tlsfiles"
	"github.com/machshop/seriald/tlsfiles/tlstest"
)

// recommended returns the listener for the shop floor and the access list that
// deploy/mosquitto.conf has in its comments.
func recommended(t *testing.T) (listener []string, acl string) {
	t.Helper()
	b, err := os.ReadFile("../deploy/mosquitto.conf")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(b), "# listener 8883\n")
	text, rest, ok2 := strings.Cut(rest, "#\n")
	_, rest, ok3 := strings.Cut(rest, "# /etc/mosquitto/acl.")
	if !ok || !ok2 || !ok3 {
		t.Fatal("the file is not as it was")
	}
	for line := range strings.Lines(text) {
		listener = append(listener, strings.TrimSpace(strings.TrimPrefix(line, "# ")))
	}
	for line := range strings.Lines(rest) {
		if entry, ok := strings.CutPrefix(line, "#     "); ok {
			acl += entry
		}
	}
	return listener, acl
}

// Mosquitto with the access list that we recommend: the bridge gets all, by a
// shared subscription as well, and a device reaches its own topics only.
func TestRecommendedAccessList(t *testing.T) {
	t.Parallel()
	listener, acl := recommended(t)
	ca := tlstest.New(t)
	files := ca.Issue("127.0.0.1")
	dir := t.TempDir()
	passwords, access := filepath.Join(dir, "passwd"), filepath.Join(dir, "acl")
	if err := os.WriteFile(access, []byte(acl), 0o600); err != nil {
		t.Fatal(err)
	}
	const device = "plant1-line1-scanner1"
	for i, user := range []string{"seriald", device} {
		args := []string{"-b", passwords, user, "word"}
		if i == 0 {
			args = append([]string{"-c"}, args...)
		}
		if out, err := exec.Command("mosquitto_passwd", args...).CombinedOutput(); err != nil {
			t.Fatalf("mosquitto_passwd: %v: %s", err, out)
		}
	}
	here := strings.NewReplacer("/etc/mosquitto/certs/ca.crt", files.CA, "/etc/mosquitto/certs/server.crt", files.Cert,
		"/etc/mosquitto/certs/server.key", files.Key, "/etc/mosquitto/passwd", passwords, "/etc/mosquitto/acl", access)
	for i, line := range listener {
		listener[i] = here.Replace(line)
	}
	broker := brokertest.Start(t, listener...)
	cfg := testConfig(strings.Replace(broker.URL, "mqtt://", "mqtts://", 1))
	cfg.Password, cfg.TLS = "word", tlsfiles.Files{CA: ca.File}

	connect := func(user, id string) (mqtt.Client, chan string) {
		cfg := cfg
		cfg.Username = user
		topics := make(chan string, 64)
		c := mqtt.NewClient(testOptions(cfg, id).SetDefaultPublishHandler(func(_ mqtt.Client, m mqtt.Message) { topics <- m.Topic() }))
		if token := c.Connect(); !token.WaitTimeout(patience) || token.Error() != nil {
			t.Fatalf("%s: %v", user, token.Error())
		}
		t.Cleanup(func() { c.Disconnect(250) })
		return c, topics
	}
	want := func(who string, topics chan string, want ...string) {
		t.Helper()
		for _, topic := range want {
			waitFor(t, who+" gets "+topic, func() bool { return len(topics) > 0 })
			if got := <-topics; got != topic {
				t.Errorf("%s got %s, want %s", who, got, topic)
			}
		}
	}
	const own, other = "machshop/plant1/line1/scanner1/", "machshop/plant1/line1/scanner2/"
	for _, filter := range []string{"machshop/#", "$share/seriald/machshop/+/+/+/+/#"} {
		bridge, received := connect("seriald", "bridge-"+filter[:1])
		if err := subscribe(context.Background(), bridge, filter); err != nil {
			t.Fatal(err)
		}
		scanner, results := connect(device, "scanner1")
		if err := subscribe(context.Background(), scanner, own+"result", own+"label", other+"result"); err != nil {
			t.Fatal(err)
		}
		for _, topic := range []string{other + "scan", own + "result", "elsewhere"} {
			// A client for each: the broker cuts the connection for it, and what was
			// not acknowledged would be tried again before everything else.
			intruder, _ := connect(device, "intruder")
			_ = intruder.Publish(topic, 1, false, "x").WaitTimeout(patience) // it may be told, or not
			intruder.Disconnect(0)
		}
		for _, topic := range []string{own + "event/receipt", own + "scan", own + "status"} {
			if token := scanner.Publish(topic, 1, false, "x"); !token.WaitTimeout(patience) || token.Error() != nil {
				t.Fatalf("%s: %v", topic, token.Error())
			}
		}
		want("the bridge", received, own+"event/receipt", own+"scan", own+"status")
		if err := unsubscribe(bridge, filter); err != nil {
			t.Fatal(err)
		}
		for _, topic := range []string{other + "result", own + "result", own + "label"} {
			if token := bridge.Publish(topic, 1, false, "x"); !token.WaitTimeout(patience) || token.Error() != nil {
				t.Fatalf("%s: %v", topic, token.Error())
			}
		}
		want("the device", results, own+"result", own+"label")
		scanner.Disconnect(250)
	}
}

func unsubscribe(c mqtt.Client, filter string) error {
	token := c.Unsubscribe(filter)
	token.WaitTimeout(patience)
	return token.Error()
}
