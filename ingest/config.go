package ingest

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// Config is how to reach the MQTT broker.
type Config struct {
	// URL of the broker: tcp://host:1883 or mqtt://host:1883.
	URL string
	// Username and Password, empty for none.
	Username, Password string
	// ClientID names the session at the broker. It must not change, or what the
	// broker keeps for the bridge is not found, and no two bridges may share it.
	ClientID string
	// MaxPayload is the longest event that is taken, in bytes.
	MaxPayload int
}

// Defaults.
const (
	DefaultClientID   = "seriald"
	DefaultMaxPayload = 256 << 10
)

// connectTimeout bounds each try to connect; retryEvery is the pause between
// tries, maxReconnect the longest.
const (
	connectTimeout = 5 * time.Second
	retryEvery     = 500 * time.Millisecond
	maxReconnect   = 2 * time.Second
	keepAlive      = 15 * time.Second
	writeTimeout   = 10 * time.Second
)

// Validate lists what is wrong, in one error.
func (c Config) Validate() error {
	var errs []error
	u, err := url.Parse(c.URL)
	if err != nil || u.Host == "" || (u.Scheme != "tcp" && u.Scheme != "mqtt") {
		errs = append(errs, fmt.Errorf("MQTT_URL: %q is not a broker's URL: write mqtt://host:1883", c.URL))
	}
	if c.ClientID == "" || strings.ContainsAny(c.ClientID, "#+/ ") || len(c.ClientID) > 60 {
		errs = append(errs, fmt.Errorf("MQTT_CLIENT_ID: %q must be 1 to 60 characters without # + / and spaces", c.ClientID))
	}
	if c.MaxPayload < 1024 || c.MaxPayload > 900<<10 {
		errs = append(errs, fmt.Errorf("MQTT_MAX_PAYLOAD: must be from 1024 to %d bytes, not %d", 900<<10, c.MaxPayload))
	}
	if c.Password != "" && c.Username == "" {
		errs = append(errs, errors.New("MQTT_USERNAME: is missing, MQTT_PASSWORD is set"))
	}
	return errors.Join(errs...)
}
