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

// redeliverPending has every MQTT session get what it had not acknowledged when
// the server ended, from the oldest on, as soon as it connects. The server by
// itself would send new messages first, and those only after mqttAckWait: behind
// them, and half a minute late.
func redeliverPending(srv *server.Server, user, password string) error {
	ctx, cancel := context.WithTimeout(context.Background(), pendingTimeout)
	defer cancel()
	nc, err := nats.Connect("", nats.InProcessServer(srv), nats.UserInfo(user, password))
	if err != nil {
		return fmt.Errorf("look at MQTT sessions: %w", err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return fmt.Errorf("look at MQTT sessions: %w", err)
	}
	stream, err := js.Stream(ctx, mqttMessages)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil // no session was ever there
	}
	if err != nil {
		return fmt.Errorf("look at MQTT sessions: %w", err)
	}
	list := stream.ListConsumers(ctx)
	for c := range list.Info() {
		if c.NumAckPending == 0 {
			continue
		}
		if _, err := js.ResetConsumer(ctx, mqttMessages, c.Name); err != nil {
			return fmt.Errorf("redeliver to MQTT session: %w", err)
		}
	}
	return list.Err()
}
