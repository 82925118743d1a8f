package ingest

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
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
	// returnWindow is how many messages of a kind may be on their way to the
	// broker: enough for 25,000 a second with a round trip of 5 ms, and so few
	// that the embedded listener, which syncs each and cuts off who is not
	// through in 5 s, manages them on a slow disk.
	returnWindow = 128
	// returnAckWait is when JetStream delivers again what was not acknowledged:
	// what a killed returner had under way waits as long for the next one. A
	// returner passes over what it has.
	returnAckWait = 5 * time.Second
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
	lease     *stream.Lease
}

// NewReturner returns a Returner from the streams of conn to the broker of cfg.
// It starts nothing.
func NewReturner(cfg Config, conn *stream.Conn, log *slog.Logger, reg prometheus.Registerer) *Returner {
	r := &Returner{
		cfg: cfg, conn: conn, log: log, lease: conn.Lease("returner", cfg.Identity, log),
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
	{"label", seriald.StreamLabels, "bridge-labels", routeLabel},
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

func routeLabel(m jetstream.Msg) (string, []byte, error) {
	origin, ok := seriald.LabelOrigin(m.Subject())
	if !ok {
		return "", nil, fmt.Errorf("%s is no subject of a label", m.Subject())
	}
	return seriald.LabelTopic(origin), m.Data(), nil
}

// Standby reports whether another process does the work, and this one waits to
// take over.
func (r *Returner) Standby() bool { return !r.Connected() && r.lease.Standby() }

// Run returns messages until ctx ends. One process does so at a time, so that
// what is returned stays in order; others wait to take over.
func (r *Returner) Run(ctx context.Context) error {
	if r.conn.Ready(ctx, r.log) != nil {
		return nil //nolint:nilerr // ctx ended before there was anything to settle
	}
	return r.lease.Hold(ctx, r.work)
}

// work returns messages until ctx ends.
func (r *Returner) work(ctx context.Context) error {
	client := newPublisher(clientOptions(r.cfg, r.cfg.ClientID+"-out", newDialer(r.cfg, r.log, 0)).
		SetOnConnectHandler(func(mqtt.Client) {
			r.connected.Store(true)
			r.log.Info("mqtt returner connected", "broker", r.cfg.URL)
		}).
		SetConnectionLostHandler(func(_ mqtt.Client, err error) {
			r.connected.Store(false)
			r.log.Warn("mqtt connection lost", "error", err)
		}))
	connected := client.Connect() // retries by itself
	defer client.Disconnect(disconnectWait)
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

// sent is a message that was handed over and waits for its PUBACK.
type sent struct {
	msg          jetstream.Msg
	sequence     uint64 // in the stream
	acknowledged <-chan struct{}
}

// held are the stream sequences of what was handed over and is not settled. With
// the broker away JetStream delivers it again and again, and handing it over
// each time would fill the memory, and the broker when it is back.
type held struct {
	mu        sync.Mutex // guards sequences
	sequences map[uint64]struct{}
}

// add reports false if sequence is held already.
func (h *held) add(sequence uint64) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, ok := h.sequences[sequence]; ok {
		return false
	}
	h.sequences[sequence] = struct{}{}
	return true
}

func (h *held) remove(sequence uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.sequences, sequence)
}

func (r *Returner) returnAll(ctx context.Context, client *publisher, consumer jetstream.Consumer, kind string,
	route func(jetstream.Msg) (string, []byte, error),
) error {
	waiting, under := make(chan sent, returnWindow), &held{sequences: map[uint64]struct{}{}}
	cc, err := consumer.Consume(func(msg jetstream.Msg) {
		topic, payload, err := route(msg)
		if err != nil {
			r.log.Error("message can't be returned", "subject", msg.Subject(), "error", err)
			_ = msg.Term() // it will never be understood
			return
		}
		meta, err := msg.Metadata()
		if err != nil {
			r.log.Error("message without metadata", "subject", msg.Subject(), "error", err)
			return
		}
		if !under.add(meta.Sequence.Stream) {
			return
		}
		acknowledged, err := client.publish(topic, payload)
		if err != nil {
			r.failed.Inc()
			under.remove(meta.Sequence.Stream) // comes again by itself
			return
		}
		select {
		case waiting <- sent{msg, meta.Sequence.Stream, acknowledged}:
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
			if r.settle(ctx, s, kind) {
				under.remove(s.sequence)
			}
		case <-ctx.Done():
			// What the broker has not confirmed comes again with the next start.
			return nil
		}
	}
}

// settle waits until the broker has a message, then acknowledges it. It reports
// false if ctx ended before.
func (r *Returner) settle(ctx context.Context, s sent, kind string) bool {
	select {
	case <-s.acknowledged: // most are, when their turn comes
	default:
		select {
		case <-s.acknowledged:
		case <-ctx.Done():
			return false
		}
	}
	r.returned.WithLabelValues(kind).Inc()
	_ = s.msg.Ack() // lost, it makes a repeat
	return true
}
