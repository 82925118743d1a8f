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
func clientOptions(cfg Config, clientID string, d *dialer) *mqtt.ClientOptions {
	o := mqtt.NewClientOptions().
		AddBroker(brokerURL(cfg.URL)).
		SetClientID(clientID).
		SetProtocolVersion(4). // 3.1.1, without a try at 3.1 that doubles each failure
		SetCleanSession(false).
		SetKeepAlive(keepAlive).
		SetPingTimeout(pingTimeout).
		SetConnectTimeout(connectTimeout).
		SetWriteTimeout(writeTimeout).
		SetAutoReconnect(true).
		SetMaxReconnectInterval(maxReconnect).
		SetConnectRetry(true).
		SetConnectRetryInterval(retryEvery).
		SetCustomOpenConnectionFn(d.dial).
		SetConnectionNotificationHandler(d.notify)
	if cfg.Username != "" {
		o.SetUsername(cfg.Username).SetPassword(cfg.Password)
	}
	return o
}

// brokerURL writes a URL as paho knows it, with its port.
func brokerURL(s string) string {
	u, err := url.Parse(s)
	if err != nil || schemes[u.Scheme] == "" {
		return s
	}
	u.Scheme = schemes[u.Scheme]
	if u.Port() == "" {
		u.Host = net.JoinHostPort(u.Hostname(), defaultPorts[u.Scheme])
	}
	return u.String()
}

// closeDeadline bounds how long closing waits for a peer that does not read.
func closeDeadline() time.Time { return time.Now().Add(time.Second) }

// subscribe asks for topics at QoS 1 and reports a refusal, which the library
// leaves in the token.
func subscribe(ctx context.Context, c mqtt.Client, topics ...string) error {
	filters := make(map[string]byte, len(topics))
	for _, t := range topics {
		filters[t] = 1
	}
	token := c.SubscribeMultiple(filters, nil)
	if err := answered(ctx, token); err != nil {
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

// answered waits until the broker has answered, for subscribeTimeout at most. The
// library's tokens of a connection that was lost may never end.
func answered(ctx context.Context, token mqtt.Token) error {
	ctx, cancel := context.WithTimeoutCause(ctx, subscribeTimeout, errors.New("the broker does not answer"))
	defer cancel()
	select {
	case <-token.Done():
		return token.Error()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
