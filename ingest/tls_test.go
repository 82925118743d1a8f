package ingest

import (
	"context"
	"errors"
	"log/slog"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/ingest/brokertest"
	"github.com/machshop/seriald/proctest"
	"github.com/machshop/seriald/stream"
	"github.com/machshop/seriald/stream/streamtest"
	"github.com/machshop/seriald/tlsfiles"
	"github.com/machshop/seriald/tlsfiles/tlstest"
)

// secureBroker is a Mosquitto that wants TLS, a client certificate of ca and a
// password.
func secureBroker(tb testing.TB, ca *tlstest.Authority) (b *brokertest.Broker, cfg Config) {
	tb.Helper()
	server, client := ca.Issue("127.0.0.1"), ca.Issue("bridge")
	passwords := filepath.Join(tb.TempDir(), "passwd")
	if out, err := exec.Command("mosquitto_passwd", "-b", "-c", passwords, "bridge", "right").CombinedOutput(); err != nil {
		tb.Fatalf("mosquitto_passwd: %v: %s", err, out)
	}
	b = brokertest.Start(tb, "cafile "+server.CA, "certfile "+server.Cert, "keyfile "+server.Key, "require_certificate true",
		"allow_anonymous false", "password_file "+passwords)
	cfg = testConfig(strings.Replace(b.URL, "mqtt://", "mqtts://", 1))
	cfg.Username, cfg.Password, cfg.TLS = "bridge", "right", client
	return b, cfg
}

func TestBridgeOverTLS(t *testing.T) {
	t.Parallel()
	ca := tlstest.New(t)
	_, cfg := secureBroker(t, ca)
	natsURL := streamtest.Start(t, true)
	startBridge(t, cfg, natsURL)
	d, err := DialDevice(t.Context(), cfg, seriald.Origin{Site: "plant1", Line: "line1", Device: "d1"}, SessionPassing, func([]byte) {})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := d.Publish("serial_generate", []byte(`{"id":"e1","data":{"partId":"P"}}`)).Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	read(t, streamtest.Connect(t, natsURL), seriald.StreamEvents, 1)
}

// What keeps a client out is told with the setting that lets it in.
func TestConnectErrorsNameTheSetting(t *testing.T) {
	t.Parallel()
	ca := tlstest.New(t)
	broker, good := secureBroker(t, ca)
	tests := []struct {
		name   string
		change func(*Config)
		want   string
	}{
		{"wrong password", func(c *Config) { c.Password = "wrong" }, `user "bridge": set MQTT_USERNAME and MQTT_PASSWORD`},
		{"no user", func(c *Config) { c.Username, c.Password = "", "" }, "without a user name: set MQTT_USERNAME"},
		{"unknown authority", func(c *Config) { c.TLS.CA = "" }, "set MQTT_CA_FILE"},
		{"another authority's client", func(c *Config) { c.TLS = tlstest.New(t).Issue("bridge"); c.TLS.CA = ca.File }, "set MQTT_CERT_FILE"},
		{"no client certificate", func(c *Config) { c.TLS = tlsfiles.Files{CA: ca.File} }, "set MQTT_CERT_FILE"},
		{"another name", func(c *Config) { c.URL = strings.Replace(c.URL, "127.0.0.1", "localhost", 1) }, "set MQTT_URL to a name"},
		{"plain", func(c *Config) { c.URL, c.TLS = broker.URL, tlsfiles.Files{} }, "connect to mqtt://"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cfg := good
			tt.change(&cfg)
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			dial := func() error {
				d, err := DialDevice(ctx, cfg, seriald.Origin{Site: "s", Line: "l", Device: "d"}, SessionPassing, func([]byte) {})
				if err == nil {
					d.Close()
					t.Fatal("is let in")
				}
				return err
			}
			err := dial()
			for strings.Contains(err.Error(), "did not answer in time") && ctx.Err() == nil { // a loaded machine
				err = dial()
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q in it", err, tt.want)
			}
		})
	}
}

// A bridge that is refused says so once, leaves the broker alone for a while, and
// is there when it is let in; a renewed certificate is taken up on the way.
func TestBridgeIsLetInLater(t *testing.T) {
	t.Parallel()
	ca := tlstest.New(t)
	_, cfg := secureBroker(t, ca)
	cfg.TLS = tlstest.New(t).Issue("bridge")
	cfg.TLS.CA = ca.File
	conn, err := stream.Connect(streamtest.Config(streamtest.Start(t, true)), "bridge", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	var log proctest.Buffer
	b := NewBridge(cfg, conn, slog.New(slog.NewTextHandler(&log, nil)), prometheus.NewRegistry())
	runUntil(t, b.Run, conn.Close)
	waitFor(t, "the log says why", func() bool { return strings.Contains(log.String(), "MQTT_CERT_FILE") })
	ca.Renew(cfg.TLS, "bridge")
	waitFor(t, "connected", b.Connected)
	if n := strings.Count(log.String(), "MQTT_CERT_FILE"); n != 1 {
		t.Errorf("said %d times:\n%s", n, log.String())
	}
}

// A broker that refused the credentials is left alone for a while, and the log says
// it once.
func TestRefusedCredentialsPause(t *testing.T) {
	t.Parallel()
	_, cfg := secureBroker(t, tlstest.New(t))
	cfg.Password = "wrong"
	var log proctest.Buffer
	d := &dialer{cfg: cfg, log: slog.New(slog.NewTextHandler(&log, nil))}
	c := mqtt.NewClient(clientOptions(cfg, "c", d).
		SetConnectRetryInterval(time.Millisecond).
		SetConnectionNotificationHandler(d.notify).
		SetCustomOpenConnectionFn(d.dial))
	c.Connect()
	waitFor(t, "the log says why", func() bool { return strings.Contains(log.String(), "MQTT_PASSWORD") })
	_, err := d.dial(nil, mqtt.ClientOptions{})
	c.Disconnect(0)
	if !errors.Is(err, errPaused) {
		t.Errorf("got %v, want a pause", err)
	}
	if n := strings.Count(log.String(), "MQTT_PASSWORD"); n != 1 {
		t.Errorf("said %d times:\n%s", n, log.String())
	}
}

func TestConfigOfTLS(t *testing.T) {
	t.Parallel()
	ca := tlstest.New(t)
	files := ca.Issue("broker")
	tests := []struct {
		url   string
		files tlsfiles.Files
		want  string // in the error, "" for none
	}{
		{"mqtts://h", files, ""},
		{"ssl://h:1", files, ""},
		{"tls://h", tlsfiles.Files{}, ""},
		{"mqtt://h", files, "begins with mqtts://"},
		{"mqtts://h", tlsfiles.Files{CA: "/none"}, "MQTT_CA_FILE"},
		{"mqtts://", files, "MQTT_URL"},
		{"ws://h", tlsfiles.Files{}, "MQTT_URL"},
	}
	for _, tt := range tests {
		cfg := testConfig(tt.url)
		cfg.TLS = tt.files
		err := cfg.Validate()
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", tt.url, err, tt.want)
		}
	}
}

func TestBrokerURL(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"mqtt://h": "tcp://h:1883", "tcp://h:99": "tcp://h:99", "mqtts://h": "ssl://h:8883", "tls://[::1]": "ssl://[::1]:8883", "ssl://h:1": "ssl://h:1",
	} {
		if got := brokerURL(url); got != want {
			t.Errorf("%s: got %s, want %s", url, got, want)
		}
	}
}
