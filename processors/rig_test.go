package processors

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/store"
	"github.com/machshop/seriald/store/storetest"
	"github.com/machshop/seriald/stream"
	"github.com/machshop/seriald/stream/streamtest"
)

// patience is how long a test waits for something that takes milliseconds.
const patience = 30 * time.Second

// rig is a runner with what is around it, all real.
type rig struct {
	tb     testing.TB
	url    string
	dsn    string
	conn   *stream.Conn
	db     *pgx.Conn
	runner *Runner
	stop   func()
}

func newRig(tb testing.TB) *rig {
	tb.Helper()
	return newRigOn(tb, streamtest.Start(tb, true), storetest.DSN(tb, storetest.Fast))
}

func newRigOn(tb testing.TB, url, dsn string) *rig {
	tb.Helper()
	r := &rig{tb: tb, url: url, dsn: dsn}
	r.conn = streamtest.Connect(tb, r.url)
	r.db = storetest.Conn(tb, r.dsn)
	r.stop = func() {}
	tb.Cleanup(func() { r.stop() })
	return r
}

// start runs a new runner, as a new process would.
func (r *rig) start(configure func(*Runner)) {
	r.tb.Helper()
	db, err := store.Open(storetest.Config(r.dsn), prometheus.NewRegistry())
	if err != nil {
		r.tb.Fatal(err)
	}
	conn, err := stream.Connect(streamtest.Config(r.url), "runner", slog.New(slog.DiscardHandler))
	if err != nil {
		r.tb.Fatal(err)
	}
	runner := New(Config{SerialBatchSize: 100, AuditBatchWriteSize: 500}, conn, db, nil, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	runner.settle = time.Second
	if configure != nil {
		configure(runner)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- runner.Run(ctx) }()
	r.runner = runner
	r.stop = func() {
		cancel()
		if err := <-ended; err != nil {
			r.tb.Errorf("Run: %v", err)
		}
		conn.Close()
		db.Close()
		r.stop = func() {}
	}
	for deadline := time.Now().Add(patience); !runner.Ready(); {
		if time.Now().After(deadline) {
			r.tb.Fatal("the runner does not start")
		}
		<-time.After(time.Millisecond)
	}
}

func (r *rig) publish(typ seriald.EventType, id, data string) {
	r.tb.Helper()
	var key seriald.KeyFields
	if err := json.Unmarshal([]byte(data), &key); err != nil {
		r.tb.Fatal(err)
	}
	e := &seriald.Event{
		ID: seriald.EventID(id), Type: typ, Origin: seriald.Origin{Site: "plant1", Line: "line1", Device: "d1"},
		Key: key.Key("d1"), Data: json.RawMessage(data),
	}
	body := e.Encode()
	// No message id: repeats are to reach the runner.
	r.send(stream.NewMessage(seriald.EventSubject("plant1", typ, e.Key), "", body))
}

func (r *rig) send(m *nats.Msg) {
	r.tb.Helper()
	if _, err := r.conn.Publish(context.Background(), []*nats.Msg{m}); err != nil {
		r.tb.Fatal(err)
	}
}

// results reads outcomes from the result stream until n have come.
func (r *rig) results(n int) []seriald.Outcome {
	r.tb.Helper()
	out := make([]seriald.Outcome, 0, n)
	for _, m := range r.read(seriald.StreamResults, n) {
		data, err := seriald.ResultData(m.Data())
		if err != nil {
			r.tb.Fatal(err)
		}
		var o seriald.Outcome
		if err := json.Unmarshal(data, &o); err != nil {
			r.tb.Fatal(err)
		}
		out = append(out, o)
	}
	return out
}

// read returns the first n messages of a stream, when they are there.
func (r *rig) read(name string, n int) []jetstream.Msg {
	r.tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, err := r.conn.JS.CreateConsumer(ctx, name, jetstream.ConsumerConfig{AckPolicy: jetstream.AckNonePolicy})
	if err != nil {
		r.tb.Fatal(err)
	}
	msgs := make([]jetstream.Msg, 0, n)
	for len(msgs) < n {
		m, err := c.Next(jetstream.FetchMaxWait(patience))
		if err != nil {
			r.tb.Fatalf("%s: %d of %d messages: %v", name, len(msgs), n, err)
		}
		msgs = append(msgs, m)
	}
	return msgs
}

func (r *rig) count(query string, args ...any) int {
	r.tb.Helper()
	return storetest.Value[int](r.tb, r.db, "SELECT count(*)::int FROM "+query, args...)
}

// drained waits until all events are acknowledged.
func (r *rig) drained() {
	r.tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for _, name := range r.consumerNames() {
		for !r.acknowledged(ctx, name) {
			if !sleep(ctx, 5*time.Millisecond) {
				r.tb.Fatalf("%s is not drained", name)
			}
		}
	}
}

// acknowledged reports whether the last message for a consumer is acknowledged. How many
// it has pending is no help: of one that was just made that is not known yet.
func (r *rig) acknowledged(ctx context.Context, name string) bool {
	r.tb.Helper()
	c, err := r.conn.JS.Consumer(ctx, seriald.StreamEvents, name)
	if err != nil {
		return false
	}
	events, err := r.conn.JS.Stream(ctx, seriald.StreamEvents)
	if err != nil {
		return false
	}
	i := c.CachedInfo()
	filter := i.Config.FilterSubject
	if filter == "" {
		return events.CachedInfo().State.LastSeq <= i.AckFloor.Stream
	}
	last, err := events.GetLastMsgForSubject(ctx, filter)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return true
	}
	return err == nil && last.Sequence <= i.AckFloor.Stream
}

// consumerNames are the durables that the runner reads with this server.
func (r *rig) consumerNames() []string {
	r.tb.Helper()
	plain, _, err := r.conn.Plain(context.Background())
	if err != nil {
		r.tb.Fatal(err)
	}
	if plain {
		return []string{plainName}
	}
	names := make([]string, seriald.Partitions)
	for n := range names {
		names[n] = consumerName(n)
	}
	return names
}

// eachServer runs a test with the newest server and with an old one.
func eachServer(t *testing.T, test func(t *testing.T, r *rig)) {
	t.Helper()
	t.Run("new", func(t *testing.T) {
		t.Parallel()
		test(t, newRig(t))
	})
	t.Run("old", func(t *testing.T) {
		t.Parallel()
		test(t, newRigOn(t, streamtest.StartOld(t).URL, storetest.DSN(t, storetest.Fast)))
	})
}

func testCounter(tb testing.TB, c prometheus.Counter) float64 {
	tb.Helper()
	return metricOf(tb, c).GetCounter().GetValue()
}

func metricOf(tb testing.TB, metric prometheus.Metric) *dto.Metric {
	tb.Helper()
	m := &dto.Metric{}
	if err := metric.Write(m); err != nil {
		tb.Fatal(err)
	}
	return m
}
