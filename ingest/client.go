package ingest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// subackFailure is what a broker answers instead of a QoS to a subscription that
// it refuses (MQTT 3.1.1, section 3.9.3).
const subackFailure = 0x80

// clientOptions are what the bridge, the returner and devices have in common: a
// session that the broker keeps, and a connection that comes back.
func clientOptions(cfg Config, clientID string) *mqtt.ClientOptions {
	o := mqtt.NewClientOptions().
		AddBroker(brokerURL(cfg.URL)).
		SetClientID(clientID).
		SetProtocolVersion(4). // 3.1.1, without a try at 3.1 that doubles each failure
		SetCleanSession(false).
		SetKeepAlive(keepAlive).
		SetConnectTimeout(connectTimeout).
		SetWriteTimeout(writeTimeout).
		SetAutoReconnect(true).
		SetMaxReconnectInterval(maxReconnect).
		SetConnectRetry(true).
		SetConnectRetryInterval(retryEvery).
		SetCustomOpenConnectionFn(dial)
	if cfg.Username != "" {
		o.SetUsername(cfg.Username).SetPassword(cfg.Password)
	}
	return o
}

// brokerURL writes mqtt:// as paho knows it.
func brokerURL(s string) string {
	if u, err := url.Parse(s); err == nil && u.Scheme == "mqtt" {
		u.Scheme = "tcp"
		if u.Port() == "" {
			u.Host = net.JoinHostPort(u.Hostname(), "1883")
		}
		return u.String()
	}
	return s
}

func dial(u *url.URL, _ mqtt.ClientOptions) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), connectTimeout)
	defer cancel()
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", u.Host)
	if err != nil {
		return nil, err
	}
	return newBufferedConn(c), nil
}

// closeDeadline bounds how long closing waits for a peer that does not read.
func closeDeadline() time.Time { return time.Now().Add(time.Second) }

// subscribe asks for topics at QoS 1 and reports a refusal, which the library
// leaves in the token.
func subscribe(c mqtt.Client, topics ...string) error {
	filters := make(map[string]byte, len(topics))
	for _, t := range topics {
		filters[t] = 1
	}
	token := c.SubscribeMultiple(filters, nil)
	if !token.WaitTimeout(connectTimeout) {
		return errors.New("subscribe: the broker does not answer")
	}
	if err := token.Error(); err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	if t, ok := token.(*mqtt.SubscribeToken); ok {
		for topic, code := range t.Result() {
			if code == subackFailure {
				return fmt.Errorf("subscribe: the broker refuses %s: allow it for this user", topic)
			}
		}
	}
	return nil
}
