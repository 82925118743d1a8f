package ingest

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/stream"
)

const (
	// window is room for all that a broker may send without an acknowledgement:
	// packet ids are 16 bits wide. So the handler, which paho calls for one
	// message after the other, never blocks.
	window = 1 << 16
	// settleTimeout bounds how long a stopping bridge tries to store what it has
	// begun; the broker sends the rest again.
	settleTimeout = 5 * time.Second
	maxBackoff    = 2 * time.Second
	// recentWindow is a little more than the streams' duplicate window.
	recentWindow = 15 * time.Second
)

// Bridge forwards what devices publish over MQTT to the event stream.
type Bridge struct {
	cfg     Config
	conn    *stream.Conn
	log     *slog.Logger
	metrics *metrics
	recent  *recentIDs
	inbox   chan mqtt.Message
	linger  stream.Linger // gather's own
	// subscribed is set while the session receives events.
	subscribed atomic.Bool
}

// NewBridge returns a Bridge from the broker of cfg to the streams of conn. It
// starts nothing.
func NewBridge(cfg Config, conn *stream.Conn, log *slog.Logger, reg prometheus.Registerer) *Bridge {
	b := &Bridge{cfg: cfg, conn: conn, log: log, recent: newRecentIDs(recentWindow), inbox: make(chan mqtt.Message, window)}
	b.metrics = newBridgeMetrics(reg,
		func() float64 { return float64(len(b.inbox)) },
		func() float64 {
			if b.Connected() {
				return 1
			}
			return 0
		})
	return b
}

// Connected reports whether the bridge is connected to the broker and receives.
func (b *Bridge) Connected() bool { return b.subscribed.Load() }

// Run forwards events until ctx ends and what it was forwarding is settled. It
// waits for the broker and for NATS as long as they are away.
func (b *Bridge) Run(ctx context.Context) error {
	if err := b.conn.Ready(ctx, b.log); err != nil {
		return nil // ctx ended before there was anything to settle
	}
	client := mqtt.NewClient(b.options())
	client.Connect() // retries by itself; the token ends with the client
	// The broker keeps what is not acknowledged for the session's next
	// connection.
	defer client.Disconnect(250)
	defer b.subscribed.Store(false)

	settle, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(settleTimeout, cancel) })()
	for {
		batch := b.gather(ctx)
		if batch == nil {
			return nil
		}
		if !b.forward(ctx, settle, batch) {
			return nil
		}
	}
}

func (b *Bridge) options() *mqtt.ClientOptions {
	return clientOptions(b.cfg, b.cfg.ClientID).
		SetAutoAckDisabled(true).
		SetOrderMatters(true).
		// Set before connecting: a session has messages waiting before any
		// subscription of this connection is there to route them.
		SetDefaultPublishHandler(func(_ mqtt.Client, m mqtt.Message) {
			b.metrics.received.Inc()
			b.inbox <- m
		}).
		SetOnConnectHandler(func(c mqtt.Client) {
			// Not here: the library calls this before it reads on.
			go b.subscribe(c)
		}).
		SetConnectionLostHandler(func(_ mqtt.Client, err error) {
			b.subscribed.Store(false)
			b.log.Warn("mqtt connection lost", "error", err)
		}).
		SetReconnectingHandler(func(mqtt.Client, *mqtt.ClientOptions) { b.log.Debug("mqtt reconnecting") })
}

func (b *Bridge) subscribe(c mqtt.Client) {
	for c.IsConnectionOpen() {
		err := subscribe(c, seriald.TopicEvents)
		if err == nil {
			b.subscribed.Store(true)
			b.log.Info("mqtt bridge subscribed", "broker", b.cfg.URL, "client_id", b.cfg.ClientID)
			return
		}
		b.log.Error("mqtt bridge not subscribed, will try again", "error", err)
		time.Sleep(retryEvery)
	}
}

// gather returns what has been received, at most a batch. It waits for the first
// message only, or, under load, a moment for more. nil means that ctx ended.
func (b *Bridge) gather(ctx context.Context) []mqtt.Message {
	var batch []mqtt.Message
	select {
	case m := <-b.inbox:
		batch = append(batch, m)
	case <-ctx.Done():
		return nil
	}
	var lingered <-chan time.Time
	for len(batch) < stream.MaxBatch {
		select {
		case m := <-b.inbox:
			batch = append(batch, m)
			continue
		default:
		}
		wait := b.linger.For(len(batch))
		if wait == 0 {
			break
		}
		if lingered == nil {
			lingered = time.After(wait)
		}
		select {
		case m := <-b.inbox:
			batch = append(batch, m)
			continue
		case <-lingered:
		case <-ctx.Done():
		}
		break
	}
	b.linger.Note(len(batch), time.Now())
	return batch
}

// forward stores a batch and then acknowledges it, in order. It tries until it
// has succeeded; false means that settle ended before.
func (b *Bridge) forward(ctx, settle context.Context, batch []mqtt.Message) bool {
	p := b.prepare(batch)
	down := false
	for wait := 20 * time.Millisecond; ; wait = min(2*wait, maxBackoff) {
		err := b.store(settle, p)
		if err == nil {
			break
		}
		b.metrics.retries.Inc()
		if !down && ctx.Err() == nil {
			down = true
			b.log.Warn("events not stored, the broker keeps them", "error", err)
		}
		select {
		case <-settle.Done():
			return false
		case <-time.After(wait):
		}
	}
	if down {
		b.log.Info("events are stored again")
	}
	// Must be last: from here on the broker forgets them.
	for _, m := range batch {
		m.Ack()
	}
	b.metrics.stored.Add(float64(len(batch)))
	b.metrics.batch.Observe(float64(len(batch)))
	return true
}

// prepared is a batch as it goes to the streams.
type prepared struct {
	events  []*nats.Msg
	dead    []*nats.Msg
	refused []*nats.Msg
}

func (b *Bridge) prepare(batch []mqtt.Message) *prepared {
	p := &prepared{events: make([]*nats.Msg, 0, len(batch))}
	now := time.Now()
	for _, m := range batch {
		e, err := Decode(m.Topic(), m.Payload(), b.cfg.MaxPayload, func() string { return uuid.Must(uuid.NewV7()).String() })
		if err != nil {
			b.reject(p, m, e, err, now)
			continue
		}
		body := e.Encode()
		id := string(e.ID)
		if b.recent.seen(e.ID, now) {
			b.metrics.repeats.Inc()
			id = ""
		}
		p.events = append(p.events, stream.NewMessage(seriald.EventSubject(e.Origin.Site, e.Type, e.Key), id, body))
	}
	return p
}

// reject makes a dead letter of a message and tells its device.
func (b *Bridge) reject(p *prepared, m mqtt.Message, e *seriald.Event, err error, now time.Time) {
	rejection, ok := err.(*seriald.Rejection) //nolint:errorlint // Decode documents it
	if !ok {
		rejection = seriald.Reject(seriald.CodeValidation, "", "%v", err)
	}
	b.metrics.deadLetters.WithLabelValues(string(rejection.Code)).Inc()
	p.dead = append(p.dead, stream.DeadLetter(rejection, m.Topic(), m.Payload(), now))
	if e.Origin.Device == "" {
		return
	}
	p.refused = append(p.refused, stream.Refusal(e.ID, rejection, e.Origin, now))
}

// store puts a batch into its streams. What was stored is taken off p, so that
// it can be called again after an error.
func (b *Bridge) store(ctx context.Context, p *prepared) error {
	repeats, err := b.conn.Publish(ctx, p.events)
	if err != nil {
		return err
	}
	// The stream knows these ids although we don't, after a restart: they may
	// be a device's repeats that wait for an answer, so they go in again past
	// the filter.
	again := make([]*nats.Msg, len(repeats))
	for i, n := range repeats {
		again[i] = stream.NewMessage(p.events[n].Subject, "", p.events[n].Data)
	}
	p.events = again
	if len(again) > 0 {
		if _, err := b.conn.Publish(ctx, again); err != nil {
			return err
		}
		p.events = nil
	}
	if _, err := b.conn.Publish(ctx, p.dead); err != nil {
		return fmt.Errorf("dead letters: %w", err)
	}
	p.dead = nil
	if _, err := b.conn.Publish(ctx, p.refused); err != nil {
		return fmt.Errorf("refusals: %w", err)
	}
	p.refused = nil
	return nil
}
