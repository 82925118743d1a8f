package ingest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/machshop/seriald/tlsfiles"
)

// Config is how to reach the MQTT broker.
type Config struct {
	// URL of the broker: mqtt://host:1883 or tcp://, with TLS mqtts://host:8883,
	// ssl:// or tls://.
	URL string
	// TLS are the files for a URL with TLS; without, there must be none.
	TLS tlsfiles.Files
	// Username and Password, empty for none.
	Username, Password string
	// ClientID names the session at the broker. It must not change, or what the
	// broker keeps for the bridge is not found, and no two bridges may share it.
	ClientID string
	// MaxPayload is the longest event that is taken, in bytes.
	MaxPayload int
	// ShareGroup names a group of bridges that share the subscription
	// ($share/{group}/…), each with a client id of its own; "" for one bridge that
	// works while others wait to take over. The broker must offer shared
	// subscriptions, and keep the order of a device only if it gives all messages
	// of a device to the same bridge.
	ShareGroup string
	// Identity, if not "", says that no other living process has it, so that its
	// predecessor's lease is taken over at once (see [stream.Conn.Lease]).
	Identity string
	// Resume, if not nil, is called before each connection with the topic filters
	// of the session: for a broker that has to be asked to send again what was not
	// acknowledged, first and in order.
	Resume func(ctx context.Context, filters []string) error
	// MaxDepth is how deep JSON may be nested, from 1 to 1000; 0 is
	// [DefaultMaxDepth].
	MaxDepth int
	// Sites are the sites whose devices are heard; none means all.
	Sites []string
	// Routes say what messages on other topics mean.
	Routes []Route
	// ScanDebounce is the time within which the same code of the same device
	// counts once, from the last read on; 0 counts every read.
	ScanDebounce time.Duration
	// DeviceRate is how many messages of a device are taken per second, in the
	// long run; 0 takes all. DeviceBurst is how many may come at once.
	DeviceRate  float64
	DeviceBurst int
}

// Router returns what knows the topics of c.
func (c Config) Router() (*Router, error) {
	return NewRouter(c.Routes, Limits{MaxPayload: c.MaxPayload, MaxDepth: c.MaxDepth, Sites: c.Sites, Debounce: c.ScanDebounce})
}

// Defaults.
const (
	DefaultClientID   = "seriald"
	DefaultMaxPayload = 256 << 10
	// DefaultMaxDepth is several times what events are nested, and so little that
	// whoever reads them later, by recursion, can.
	DefaultMaxDepth     = 64
	DefaultScanDebounce = 2 * time.Second
	DefaultDeviceBurst  = 100
)

// connectTimeout bounds each try to connect; retryEvery is the pause between
// tries, maxReconnect the longest.
const (
	connectTimeout = 5 * time.Second
	retryEvery     = 500 * time.Millisecond
	maxReconnect   = 2 * time.Second
	writeTimeout   = 10 * time.Second
)

// A peer that is gone without a word is found out within their sum, in which the
// broker keeps events and the stream results. Shorter ones would cut connections
// over a radio that is only slow.
const (
	keepAlive   = 10 * time.Second
	pingTimeout = 5 * time.Second
)

// The schemes that the library and the dialer know, for all that a URL may have.
const (
	plainScheme = "tcp"
	tlsScheme   = "ssl"
)

var (
	schemes = map[string]string{
		"tcp": plainScheme, "mqtt": plainScheme,
		"ssl": tlsScheme, "tls": tlsScheme, "mqtts": tlsScheme,
	}
	defaultPorts = map[string]string{plainScheme: "1883", tlsScheme: "8883"}
)

// subscribeTimeout bounds the wait for the answer to a subscription, which comes
// behind whatever waits in the session.
const subscribeTimeout = 30 * time.Second

// Validate lists what is wrong, in one error.
func (c Config) Validate() error {
	var errs []error
	u, err := url.Parse(c.URL)
	switch {
	case err != nil || u.Hostname() == "" || schemes[u.Scheme] == "":
		errs = append(errs, fmt.Errorf("MQTT_URL: %q is not a broker's URL: write mqtt://host:1883, or mqtts://host:8883 for TLS", c.URL))
	case c.TLS.Any() && schemes[u.Scheme] != tlsScheme:
		// They would not be used, and nobody would notice.
		errs = append(errs, fmt.Errorf("MQTT_CA_FILE, MQTT_CERT_FILE and MQTT_KEY_FILE need an MQTT_URL that begins with mqtts://, not %s://", u.Scheme))
	default:
		errs = append(errs, c.TLS.Validate("MQTT"))
	}
	if c.ClientID == "" || strings.ContainsAny(c.ClientID, "#+/ ") || len(c.ClientID) > 60 {
		errs = append(errs, fmt.Errorf("MQTT_CLIENT_ID: %q must be 1 to 60 characters without # + / and spaces", c.ClientID))
	}
	if c.MaxPayload < 1024 || c.MaxPayload > 900<<10 {
		errs = append(errs, fmt.Errorf("MQTT_MAX_PAYLOAD: must be from 1024 to %d bytes, not %d", 900<<10, c.MaxPayload))
	}
	if strings.ContainsAny(c.ShareGroup, "#+/ ") {
		errs = append(errs, fmt.Errorf("MQTT_SHARE_GROUP: %q must not contain # + / or spaces", c.ShareGroup))
	}
	if c.Password != "" && c.Username == "" {
		errs = append(errs, errors.New("MQTT_USERNAME: is missing, MQTT_PASSWORD is set"))
	}
	if c.DeviceRate != 0 && !(c.DeviceRate >= minDeviceRate && c.DeviceRate <= maxDeviceRate) { // nor is it NaN
		errs = append(errs, fmt.Errorf("DEVICE_RATE_LIMIT: must be 0 (no limit) or from %v to %d events per second, not %v", minDeviceRate, maxDeviceRate, c.DeviceRate))
	}
	if c.DeviceRate > 0 && (c.DeviceBurst < 1 || c.DeviceBurst > maxDeviceBurst) {
		errs = append(errs, fmt.Errorf("DEVICE_RATE_BURST: must be from 1 to %d, not %d", maxDeviceBurst, c.DeviceBurst))
	}
	_, err = c.Router()
	return errors.Join(append(errs, err)...)
}
