package main

import (
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/machshop/seriald/ingest/brokertest"
	"github.com/machshop/seriald/tlsfiles/tlstest"
)

// A device of the users file, over TLS, sends an event and gets its outcome; as
// another device it gets none.
func TestDeviceOfTheUsersFile(t *testing.T) {
	t.Parallel()
	ca := tlstest.New(t)
	files := ca.Issue("broker.plant")
	users := writeFile(t, "- {user: scanner, password: beep, device: plant1/line1/cli}\n")
	d := newDaemon(t, "EMBEDDED_MQTT_HOST=0.0.0.0", "EMBEDDED_MQTT_USERS_FILE="+users,
		"EMBEDDED_MQTT_CERT_FILE="+files.Cert, "EMBEDDED_MQTT_KEY_FILE="+files.Key,
		"MQTT_USERNAME=scanner", "MQTT_PASSWORD=beep")
	d.start()
	event := []string{"operation_complete", "partId=PART-001", "operationCode=OP-010"}
	out, stderr, code := d.call(append([]string{"send"}, event...)...)
	if code != 0 || !strings.Contains(out, `"status":"accepted"`) {
		t.Errorf("exit %d: %s%s", code, out, stderr)
	}
	out, stderr, code = d.call(append([]string{"send", "--device", "other"}, event...)...)
	if code != exitFailure || !strings.Contains(stderr, "refuses machshop/plant1/line1/other/result") {
		t.Errorf("exit %d: %s%s", code, out, stderr)
	}
	d.env = append(d.env, "MQTT_PASSWORD=honk")
	_, stderr, code = d.call(append([]string{"send"}, event...)...)
	if code != exitFailure || !strings.Contains(stderr, `user "scanner": set MQTT_USERNAME and MQTT_PASSWORD`) {
		t.Errorf("exit %d: %s", code, stderr)
	}
}

func TestCheckTellsWhatKeepsUsOut(t *testing.T) {
	t.Parallel()
	ca := tlstest.New(t)
	files := ca.Issue("127.0.0.1")
	broker := brokertest.Start(t, "certfile "+files.Cert, "keyfile "+files.Key, "allow_anonymous false")
	srv, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: -1, NoSigs: true, NoLog: true, JetStream: true, StoreDir: t.TempDir(),
		Username: "us", Password: "right",
	})
	if err != nil {
		t.Fatal(err)
	}
	srv.Start()
	t.Cleanup(srv.Shutdown)
	u := &url.URL{Scheme: "nats", Host: srv.Addr().String()}
	d := newDaemon(t, "MQTT_URL="+strings.Replace(broker.URL, "mqtt://", "mqtts://", 1), "NATS_URL="+u.String(),
		"NATS_USERNAME=us", "NATS_PASSWORD=wrong")
	tests := []struct {
		env  []string
		want []string
	}{
		{nil, []string{"mqtt           FAILED: connect to mqtts://", "set MQTT_CA_FILE", "nats           FAILED: no connection to nats://", "set NATS_CREDS, or NATS_USERNAME"}},
		{[]string{"MQTT_CA_FILE=" + files.CA}, []string{"a client without a user name: set MQTT_USERNAME"}},
		{[]string{"NATS_PASSWORD=right"}, []string{"nats           ok"}},
	}
	for _, tt := range tests {
		d.env = append(d.env, tt.env...)
		out, _, code := d.call("check")
		if code != exitFailure {
			t.Errorf("exit %d", code)
		}
		for _, want := range tt.want {
			if !strings.Contains(out, want) {
				t.Errorf("got %s, want %q in it", out, want)
			}
		}
		if n := strings.Count(out, "\n"); n != 5 {
			t.Errorf("%d lines, want one for each connection:\n%s", n, out)
		}
	}
}

func TestAccessSettings(t *testing.T) {
	t.Parallel()
	none := filepath.Join(t.TempDir(), "none")
	for env, want := range map[string]string{
		"EMBEDDED_MQTT_HOST=0.0.0.0":        "EMBEDDED_MQTT_USERS_FILE",
		"EMBEDDED_MQTT_HOST=everywhere":     "is not an address",
		"EMBEDDED_MQTT_USERS_FILE=" + none:  "EMBEDDED_MQTT_USERS_FILE: open",
		"EMBEDDED_MQTT_CERT_FILE=" + none:   "EMBEDDED_MQTT_KEY_FILE: is missing",
		"NATS_USERNAME=u":                   "NATS_URL: is missing",
		"NATS_CA_FILE=" + none:              "NATS_CA_FILE: open",
		"MQTT_CA_FILE=" + none:              "begins with mqtts://",
		"NATS_PASSWORD_FILE=" + none:        "NATS_PASSWORD_FILE",
		"NATS_URL=nats://h,NATS_PASSWORD=p": "NATS_USERNAME: is missing",
	} {
		_, err := loadSettings("", strings.Split(env, ","), nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", env, err, want)
		}
	}
}
