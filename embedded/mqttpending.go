package embedded

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// mqttMessages is the stream in which the server keeps QoS 1 messages of MQTT.
const mqttMessages = "$MQTT_msgs"

// pendingTimeout bounds redeliverPending; it is some calls inside the process.
const pendingTimeout = 10 * time.Second

// messageSubjects is what the server puts before the subject of a QoS 1 message.
const messageSubjects = "$MQTT.msgs."

// redeliverPending has every MQTT session get what it had not acknowledged when
// the server ended, from the oldest on, as soon as it connects. The server by
// itself would send new messages first, and those only after mqttAckWait: behind
// them, and half a minute late.
func redeliverPending(srv *server.Server, password string) error {
	ctx, cancel := context.WithTimeout(context.Background(), pendingTimeout)
	defer cancel()
	_, err := redeliver(ctx, srv, password, func(*jetstream.ConsumerInfo) bool { return true })
	return err
}

// resumeTimeout bounds how long Resume waits for the end of a connection, and
// resumePoll is how often it looks.
const (
	resumeTimeout = 2 * time.Second
	resumePoll    = 10 * time.Millisecond
)

// Resume has the session that subscribed to filters, which must have ended its
// connection, get what it had not acknowledged as soon as it connects again, from
// the oldest on and before anything new; the server by itself does neither.
func (n *NATS) Resume(ctx context.Context, filters []string) error {
	bound, cancel := context.WithTimeout(ctx, resumeTimeout)
	defer cancel()
	ours := map[string]bool{}
	for _, f := range filters {
		subjects, err := filterSubjects(f)
		if err != nil {
			continue // the listener will refuse it, too
		}
		for _, s := range subjects {
			ours[messageSubjects+s] = true
		}
	}
	for {
		calls, cancel := context.WithTimeout(ctx, pendingTimeout)
		connected, err := redeliver(calls, n.server, n.keeper, func(c *jetstream.ConsumerInfo) bool { return ours[c.Config.FilterSubject] })
		cancel()
		if err != nil || !connected {
			return err
		}
		select { // the server has not yet noticed that the connection has ended
		case <-time.After(resumePoll):
		case <-bound.Done():
			return nil // somebody else has subscribed to the same, and is there
		}
	}
}

// redeliver sends the consumers of subscriptions back to what was not
// acknowledged, except those whose client is connected; it reports whether there
// were such.
func redeliver(ctx context.Context, srv *server.Server, password string, which func(*jetstream.ConsumerInfo) bool) (connected bool, err error) {
	nc, err := nats.Connect("", nats.InProcessServer(srv), nats.UserInfo(mqttKeeper, password))
	if err != nil {
		return false, fmt.Errorf("look at MQTT sessions: %w", err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return false, fmt.Errorf("look at MQTT sessions: %w", err)
	}
	stream, err := js.Stream(ctx, mqttMessages)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return false, nil // no session was ever there
	}
	if err != nil {
		return false, fmt.Errorf("look at MQTT sessions: %w", err)
	}
	list := stream.ListConsumers(ctx)
	for c := range list.Info() {
		switch {
		case !which(c):
		case c.PushBound:
			connected = true
		case c.NumAckPending > 0:
			if _, err := js.ResetConsumer(ctx, mqttMessages, c.Name); err != nil {
				return false, fmt.Errorf("redeliver to MQTT session: %w", err)
			}
		}
	}
	return connected, list.Err()
}
