package ingest

import (
	"context"
	"errors"
	"fmt"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/google/uuid"

	"github.com/machshop/seriald"
)

// Device is the far end of the bridge: it publishes events and receives their
// outcomes, as a scanner or a PLC does. It is safe for concurrent use.
type Device struct {
	origin seriald.Origin
	client mqtt.Client
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
	topic := seriald.ResultTopic(origin)
	lost := make(chan error, 1)
	options := clientOptions(cfg, clientID).
		SetCleanSession(session == SessionPassing).
		SetConnectRetry(false).
		SetDefaultPublishHandler(func(_ mqtt.Client, m mqtt.Message) {
			if m.Topic() == topic {
				result(m.Payload())
			}
		}).
		SetOnConnectHandler(func(c mqtt.Client) {
			go func() { // not here: the library calls this before it reads on
				err := subscribe(c, topic)
				select {
				case lost <- err:
				default:
				}
			}()
		})
	d := &Device{origin: origin, client: mqtt.NewClient(options), clean: func() *mqtt.ClientOptions {
		return clientOptions(cfg, clientID).SetCleanSession(true).SetConnectRetry(false)
	}}
	token := d.client.Connect()
	select {
	case <-token.Done():
	case <-ctx.Done():
		d.client.Disconnect(0) // or a connection that comes later would stay
		return nil, fmt.Errorf("connect %s to %s: %w", clientID, cfg.URL, ctx.Err())
	}
	if err := token.Error(); err != nil {
		return nil, fmt.Errorf("connect to %s: %w", cfg.URL, err)
	}
	select {
	case err := <-lost:
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
type Receipt struct{ token mqtt.Token }

// Wait returns nil when the broker has acknowledged the message.
func (r Receipt) Wait(ctx context.Context) error {
	select {
	case <-r.token.Done():
		if err := r.token.Error(); err != nil {
			return fmt.Errorf("publish: %w", err)
		}
		return nil
	case <-ctx.Done():
		return errors.Join(errors.New("publish: no PUBACK"), ctx.Err())
	}
}

// Done is closed when the broker has acknowledged the message or it failed.
func (r Receipt) Done() <-chan struct{} { return r.token.Done() }

// Publish sends an event of type t at QoS 1. While the connection is lost the
// message is kept, and sent when it is back.
func (d *Device) Publish(t seriald.EventType, payload []byte) Receipt {
	return Receipt{d.client.Publish(seriald.EventTopic(d.origin, t), 1, false, payload)}
}

// Connected reports whether the device is connected to the broker now.
func (d *Device) Connected() bool { return d.client.IsConnectionOpen() }

// Close disconnects. A kept session stays at the broker.
func (d *Device) Close() { d.client.Disconnect(250) }

// Forget disconnects and ends the session at the broker.
func (d *Device) Forget() {
	d.Close()
	c := mqtt.NewClient(d.clean())
	if t := c.Connect(); t.WaitTimeout(2*time.Second) && t.Error() == nil {
		c.Disconnect(50)
	}
}
