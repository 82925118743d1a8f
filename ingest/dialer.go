package ingest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"sync"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/eclipse/paho.mqtt.golang/packets"
)

// refusalPause is how long a broker that refused the credentials is left alone:
// what is wrong stays wrong until somebody mends it, and a broker may bar who
// tries too often.
const refusalPause = 5 * time.Second

// tcpKeepAlive finds a peer that is gone while there is nothing to send, also
// during the handshakes, before MQTT's own keep-alive is at work.
var tcpKeepAlive = net.KeepAliveConfig{Enable: true, Idle: 10 * time.Second, Interval: 3 * time.Second, Count: 2}

// errPaused is told to the library instead of connecting during refusalPause.
var errPaused = errors.New("waiting, the broker has refused the connection")

// dialer connects one client and says, once per change, why it can't.
type dialer struct {
	cfg        Config
	log        *slog.Logger
	maxPayload int // longer ones are cut; see newBufferedConn

	mu      sync.Mutex     // guards what follows
	cuts    map[uint16]int // by packet id: how long payloads were that are cut
	said    string
	refused time.Time // when the broker refused the credentials last
}

func newDialer(cfg Config, log *slog.Logger, maxPayload int) *dialer {
	return &dialer{cfg: cfg, log: log, maxPayload: maxPayload}
}

// dial is called by the library for each try to connect.
func (d *dialer) dial(u *url.URL, _ mqtt.ClientOptions) (net.Conn, error) {
	d.mu.Lock()
	paused := time.Since(d.refused) < refusalPause
	d.mu.Unlock()
	if paused {
		return nil, errPaused
	}
	ctx, cancel := context.WithTimeout(context.Background(), connectTimeout)
	defer cancel()
	c, err := (&net.Dialer{KeepAliveConfig: tcpKeepAlive}).DialContext(ctx, "tcp", u.Host)
	if err != nil {
		return nil, err
	}
	if u.Scheme != tlsScheme {
		return newBufferedConn(c, d.maxPayload, d.cut), nil
	}
	// Made anew each time: a renewed certificate needs no restart.
	files, err := d.cfg.TLS.Client(u.Hostname())
	if err != nil {
		_ = c.Close()
		return nil, err
	}
	secure := tls.Client(c, files)
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = c.Close()
		return nil, err
	}
	return newBufferedConn(secure, d.maxPayload, d.cut), nil
}

// cut notes how long the payload was that comes as that of a packet.
func (d *dialer) cut(id uint16, size int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.cuts == nil {
		d.cuts = map[uint16]int{}
	}
	d.cuts[id] = size
}

// wasCut returns how long the payload of a packet was before it was cut, and
// forgets it; 0 if it was not.
func (d *dialer) wasCut(id uint16) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	size := d.cuts[id]
	delete(d.cuts, id)
	return size
}

// notify is told by the library how each try went.
func (d *dialer) notify(_ mqtt.Client, n mqtt.ConnectionNotification) {
	switch n := n.(type) {
	case mqtt.ConnectionNotificationConnected:
		d.mu.Lock()
		d.said = ""
		d.mu.Unlock()
	case mqtt.ConnectionNotificationFailed:
		d.failed(n.Reason)
	}
}

func (d *dialer) failed(err error) {
	if errors.Is(err, errPaused) {
		return
	}
	err = explain(err, d.cfg)
	d.mu.Lock()
	defer d.mu.Unlock()
	if credentialsRefused(err) {
		d.refused = time.Now()
	}
	// The port of our end differs each time, and is in most errors.
	said := err.Error()
	var op *net.OpError
	if errors.As(err, &op) && op.Err != nil {
		said = op.Err.Error()
	}
	if said != d.said {
		d.said = said
		d.log.Warn("mqtt connection refused, will try again", "broker", d.cfg.URL, "error", err)
	}
}

func credentialsRefused(err error) bool {
	return errors.Is(err, packets.ErrorRefusedBadUsernameOrPassword) || errors.Is(err, packets.ErrorRefusedNotAuthorised)
}

// explain adds to an error of connecting what there is to set.
func explain(err error, cfg Config) error {
	var (
		authority x509.UnknownAuthorityError
		host      x509.HostnameError
		header    tls.RecordHeaderError
		alert     tls.AlertError
	)
	switch {
	case credentialsRefused(err):
		who := "a client without a user name"
		if cfg.Username != "" {
			who = fmt.Sprintf("user %q", cfg.Username)
		}
		return fmt.Errorf("the broker refuses %s: set MQTT_USERNAME and MQTT_PASSWORD to what it knows: %w", who, err)
	case errors.Is(err, packets.ErrorRefusedIDRejected):
		return fmt.Errorf("the broker refuses the client id: set MQTT_CLIENT_ID to one it takes: %w", err)
	case errors.As(err, &authority):
		return fmt.Errorf("set MQTT_CA_FILE to the authority of the broker's certificate: %w", err)
	case errors.As(err, &host):
		return fmt.Errorf("set MQTT_URL to a name that is in the broker's certificate: %w", err)
	case errors.As(err, &header):
		return fmt.Errorf("the broker speaks no TLS on this port: set MQTT_URL to mqtt:// or to another port: %w", err)
	case errors.Is(err, net.ErrClosed): // by the library, whose time was up
		return fmt.Errorf("the broker did not answer in time: %w", err)
	case errors.As(err, &alert), strings.Contains(err.Error(), "remote error: tls: "):
		return fmt.Errorf("the broker refuses the client's certificate: set MQTT_CERT_FILE and MQTT_KEY_FILE to one it takes: %w", err)
	}
	return err
}
