package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/google/uuid"

	"github.com/machshop/seriald"
)

// Device is the far end of the bridge: it publishes events and receives their
// outcomes, as a scanner or a PLC does. It is safe for concurrent use.
type Device struct {
	origin seriald.Origin
	client *publisher
	clean  func() *mqtt.ClientOptions // options that end the session at the broker
}

// DeviceSession says whether the broker keeps a device's session.
type DeviceSession bool

const (
	// SessionKept has the broker keep outcomes while the device is offline,
	// until [Device.Forget].
	SessionKept DeviceSession = true
	// SessionPassing ends with the connection.
	SessionPassing DeviceSession = false
)

// DialDevice connects a device at origin to the broker of cfg (whose ClientID is
// not used) and subscribes to its outcomes: each goes to result as JSON, one
// after the other; result must not block. The connection comes back by itself
// when it is lost. The caller must Close the Device.
func DialDevice(ctx context.Context, cfg Config, origin seriald.Origin, session DeviceSession, result func(outcome []byte)) (*Device, error) {
	clientID := "device-" + origin.Site + "-" + origin.Line + "-" + origin.Device
	if session == SessionPassing {
		clientID += "-" + uuid.NewString()[:8]
	}
	dial := newDialer(cfg, slog.New(slog.DiscardHandler), 0) // the caller is told
	topic := seriald.ResultTopic(origin)
	subscribed := make(chan error, 1)
	options := clientOptions(cfg, clientID, dial).
		SetCleanSession(session == SessionPassing).
		SetConnectRetry(false).
		SetDefaultPublishHandler(func(_ mqtt.Client, m mqtt.Message) {
			if m.Topic() == topic {
				result(m.Payload())
			}
		}).
		SetOnConnectHandler(func(c mqtt.Client) {
			go func() { // not here: the library calls this before it reads on
				err := subscribe(context.Background(), c, topic)
				select {
				case subscribed <- err:
				default: // not the first connection
				}
				for err != nil && c.IsConnectionOpen() {
					pause(context.Background(), retryEvery)
					err = subscribe(context.Background(), c, topic)
				}
			}()
		})
	d := &Device{origin: origin, client: newPublisher(options), clean: func() *mqtt.ClientOptions {
		return clientOptions(cfg, clientID, dial).SetCleanSession(true).SetConnectRetry(false)
	}}
	token := d.client.Connect()
	select {
	case <-token.Done():
	case <-ctx.Done():
		d.client.Disconnect(0) // or a connection that comes later would stay
		return nil, fmt.Errorf("connect %s to %s: %w", clientID, cfg.URL, ctx.Err())
	}
	if err := token.Error(); err != nil {
		return nil, fmt.Errorf("connect to %s: %w", cfg.URL, explain(err, cfg))
	}
	select {
	case err := <-subscribed:
		if err != nil {
			d.client.Disconnect(0)
			return nil, fmt.Errorf("%s: %w", clientID, err)
		}
	case <-ctx.Done():
		d.client.Disconnect(0)
		return nil, fmt.Errorf("subscribe %s: %w", clientID, ctx.Err())
	}
	return d, nil
}

// Receipt is a publication whose PUBACK may still be under way.
type Receipt struct {
	acknowledged <-chan struct{}
	err          error
}

// Wait returns nil when the broker has acknowledged the message, on this
// connection or, after it was sent again, on a later one.
func (r Receipt) Wait(ctx context.Context) error {
	if r.err != nil {
		return fmt.Errorf("publish: %w", r.err)
	}
	select {
	case <-r.acknowledged:
		return nil
	case <-ctx.Done():
		return errors.Join(errors.New("publish: no PUBACK"), ctx.Err())
	}
}

// Done is closed when the broker has acknowledged the message or it was not
// taken.
func (r Receipt) Done() <-chan struct{} { return r.acknowledged }

// Publish sends an event of type t at QoS 1. While the connection is lost the
// message is kept, and sent when it is back, in order.
func (d *Device) Publish(t seriald.EventType, payload []byte) Receipt {
	acknowledged, err := d.client.publish(seriald.EventTopic(d.origin, t), payload)
	if err != nil {
		failed := make(chan struct{})
		close(failed)
		return Receipt{failed, err}
	}
	return Receipt{acknowledged, nil}
}

// Cut ends the connection without a word to the broker, as a pulled cable does.
// It comes back by itself; what the broker had not acknowledged is then sent
// again, marked as a duplicate (DUP).
func (d *Device) Cut() { d.client.cycle() }

// CutFor is a Cut after which the device stays away for at least that time. When
// losses follow each other within seconds the client adds a pause of up to 2 s.
func (d *Device) CutFor(away time.Duration) {
	d.client.link.stayAway(away)
	d.client.cycle()
}

// Deafen loses all that the broker says on this connection from now on, as a dead
// spot of a radio does: it may have a message whose PUBACK does not arrive.
// Whoever deafens a device must Cut it.
func (d *Device) Deafen() { d.client.link.deafen() }

// Resent is how many messages were sent again, marked as duplicates (DUP),
// because a connection ended before their PUBACK came. A message that was sent
// again twice counts twice, one that was published while there was no connection
// counts too: the library marks it the same.
func (d *Device) Resent() int { return int(d.client.unacknowledged.resent.Load()) }

// Connected reports whether the device is connected to the broker now.
func (d *Device) Connected() bool { return d.client.IsConnectionOpen() }

// Close disconnects. A kept session stays at the broker.
func (d *Device) Close() {
	d.client.link.end()
	d.client.Disconnect(disconnectWait)
}

// Forget disconnects and ends the session at the broker.
func (d *Device) Forget() {
	d.Close()
	c := mqtt.NewClient(d.clean())
	if t := c.Connect(); t.WaitTimeout(2*time.Second) && t.Error() == nil {
		c.Disconnect(50)
	}
}
