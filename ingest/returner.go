package ingest

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/stream"
)

const (
	// returnWindow is how many messages may be on their way to the broker.
	returnWindow = 2000
	// returnAckWait is when a message whose delivery to the broker was not
	// confirmed is sent again.
	returnAckWait = 30 * time.Second
)

// Returner publishes outcomes and serial events over MQTT at QoS 1. It reads
// them from durable consumers, so that a broker that is away delays them only.
type Returner struct {
	cfg       Config
	conn      *stream.Conn
	log       *slog.Logger
	returned  *prometheus.CounterVec
	failed    prometheus.Counter
	connected atomic.Bool
}

// NewReturner returns a Returner from the streams of conn to the broker of cfg.
// It starts nothing.
func NewReturner(cfg Config, conn *stream.Conn, log *slog.Logger, reg prometheus.Registerer) *Returner {
	r := &Returner{
		cfg: cfg, conn: conn, log: log,
		returned: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "seriald_returned_total", Help: "Messages that the MQTT broker has taken, by kind.",
		}, []string{"kind"}),
		failed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "seriald_return_retries_total", Help: "Messages whose publication over MQTT failed and is tried again.",
		}),
	}
	for _, o := range outbound {
		r.returned.WithLabelValues(o.kind)
	}
	reg.MustRegister(r.returned, r.failed)
	return r
}

// Connected reports whether the returner is connected to the broker.
func (r *Returner) Connected() bool { return r.connected.Load() }

// outbound are the streams that are returned over MQTT.
var outbound = []struct {
	kind, stream, durable string
	route                 func(jetstream.Msg) (topic string, payload []byte, err error)
}{
	{"result", seriald.StreamResults, "bridge-results", routeResult},
	{"serial", seriald.StreamSerials, "bridge-serials", routeSerial},
}

func routeResult(m jetstream.Msg) (string, []byte, error) {
	origin, ok := seriald.ResultOrigin(m.Subject())
	if !ok {
		return "", nil, fmt.Errorf("%s is no subject of a result", m.Subject())
	}
	outcome, err := seriald.ResultData(m.Data())
	return seriald.ResultTopic(origin), outcome, err
}

func routeSerial(m jetstream.Msg) (string, []byte, error) {
	site, event, ok := seriald.SerialSubjectParts(m.Subject())
	if !ok {
		return "", nil, fmt.Errorf("%s is no subject of a serial event", m.Subject())
	}
	return seriald.SerialTopic(site, event), m.Data(), nil
}

// Run returns messages until ctx ends.
func (r *Returner) Run(ctx context.Context) error {
	if err := r.conn.Ready(ctx, r.log); err != nil {
		return nil // ctx ended before there was anything to settle
	}
	client := mqtt.NewClient(clientOptions(r.cfg, r.cfg.ClientID+"-out").
		SetOnConnectHandler(func(mqtt.Client) {
			r.connected.Store(true)
			r.log.Info("mqtt returner connected", "broker", r.cfg.URL)
		}).
		SetConnectionLostHandler(func(_ mqtt.Client, err error) {
			r.connected.Store(false)
			r.log.Warn("mqtt connection lost", "error", err)
		}))
	connected := client.Connect() // retries by itself
	defer client.Disconnect(250)
	defer r.connected.Store(false)
	// Nothing is published before: the library would both store it, to resume
	// with, and send it.
	select {
	case <-connected.Done():
	case <-ctx.Done():
		return nil
	}

	group, ctx := errgroup.WithContext(ctx)
	for _, o := range outbound {
		consumer, err := r.consumer(ctx, o.stream, o.durable)
		if err != nil {
			return nil // ctx ended
		}
		group.Go(func() error { return r.returnAll(ctx, client, consumer, o.kind, o.route) })
	}
	return group.Wait()
}

func (r *Returner) consumer(ctx context.Context, name, durable string) (jetstream.Consumer, error) {
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, maxBackoff) {
		c, err := r.conn.JS.CreateOrUpdateConsumer(ctx, name, jetstream.ConsumerConfig{
			Durable: durable, Description: "Returned over MQTT",
			AckPolicy: jetstream.AckExplicitPolicy, AckWait: returnAckWait, MaxAckPending: returnWindow, MaxDeliver: -1,
		})
		if err == nil {
			return c, nil
		}
		if ctx.Err() == nil {
			r.log.Warn("waiting for nats", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(wait):
		}
	}
}

// sent is a message that was handed to the broker and waits for its PUBACK.
type sent struct {
	msg   jetstream.Msg
	token mqtt.Token
}

func (r *Returner) returnAll(ctx context.Context, client mqtt.Client, consumer jetstream.Consumer, kind string,
	route func(jetstream.Msg) (string, []byte, error),
) error {
	waiting := make(chan sent, returnWindow)
	cc, err := consumer.Consume(func(msg jetstream.Msg) {
		topic, payload, err := route(msg)
		if err != nil {
			r.log.Error("message can't be returned", "subject", msg.Subject(), "error", err)
			_ = msg.Term() // it will never be understood
			return
		}
		select {
		case waiting <- sent{msg, client.Publish(topic, 1, false, payload)}:
		case <-ctx.Done():
		}
	}, jetstream.PullMaxMessages(stream.MaxBatch))
	if err != nil {
		return fmt.Errorf("consume %s: %w", kind, err)
	}
	defer func() {
		cc.Stop()
		<-cc.Closed()
	}()
	for {
		select {
		case s := <-waiting:
			r.settle(ctx, s, kind)
		case <-ctx.Done():
			// What the broker has not confirmed comes again with the next start.
			return nil
		}
	}
}

// settle waits until the broker has a message, then acknowledges it.
func (r *Returner) settle(ctx context.Context, s sent, kind string) {
	select {
	case <-s.token.Done(): // most are, when their turn comes
	default:
		select {
		case <-s.token.Done():
		case <-ctx.Done():
			return
		case <-time.After(returnAckWait):
			r.failed.Inc()
			return // comes again by itself
		}
	}
	if s.token.Error() != nil {
		r.failed.Inc()
		_ = s.msg.NakWithDelay(retryEvery)
		return
	}
	r.returned.WithLabelValues(kind).Inc()
	_ = s.msg.Ack() // lost, it makes a repeat
}
