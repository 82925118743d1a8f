package processors

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	natsd "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/machshop/seriald"
	"github.com/machshop/seriald/store/storetest"
	"github.com/machshop/seriald/stream"
	"github.com/machshop/seriald/stream/streamtest"
)

// until waits for a condition.
func (r *rig) until(what string, condition func() bool) {
	r.tb.Helper()
	for deadline := time.Now().Add(patience); !condition(); {
		if time.Now().After(deadline) {
			r.tb.Fatalf("%s does not come about", what)
		}
		<-time.After(time.Millisecond)
	}
}

// Deliveries and acknowledgements that were under way are lost.
func TestOldServerKilledInMidBatch(t *testing.T) {
	t.Parallel()
	server := streamtest.StartOld(t)
	r := newRigOn(t, server.URL, storetest.DSN(t, storetest.Fast))
	const n = 2000
	r.publishMany("e", n)
	r.start(nil)
	for _, after := range []int{n / 4, n / 2} {
		r.until("progress", func() bool { return r.count("processed_events") >= after })
		server.Kill()
		server.Restart()
	}
	r.until("the end", func() bool { return r.count("processed_events") == n })
	r.until("the connection", r.conn.Up)
	r.drained()
	r.inOrder(n)
}

// Going back is deleting the consumer and making it again: what this process has
// under way it does not take twice, and what it acknowledges later counts.
func TestPlainReaderGoesBack(t *testing.T) {
	t.Parallel()
	r := newRigOn(t, streamtest.StartOld(t).URL, storetest.DSN(t, storetest.Fast))
	held := make(chan struct{})
	release := sync.OnceFunc(func() { close(held) })
	t.Cleanup(release) // or a test that fails would never end
	began := make(chan struct{}, 100)
	r.start(func(r *Runner) {
		r.processor.now = func() time.Time {
			began <- struct{}{}
			<-held
			return time.Now()
		}
	})
	const n = 100
	r.publishMany("a", n)
	<-began
	r.waitFor(plainName, "delivery", func(i *jetstream.ConsumerInfo) bool { return i.NumAckPending == n })
	created := r.consumer(plainName).Created
	// Comes again after ackWait, behind what is new: the run breaks.
	r.waitFor(plainName, "redelivery", func(i *jetstream.ConsumerInfo) bool { return i.NumRedelivered > 0 })
	r.until("a new consumer", func() bool {
		c, err := r.conn.JS.Consumer(context.Background(), seriald.StreamEvents, plainName)
		if err == nil && !c.CachedInfo().Created.After(created) {
			// More than once: the old server may find its folder not empty.
			_ = r.conn.JS.DeleteConsumer(context.Background(), seriald.StreamEvents, plainName)
			return false
		}
		return err == nil && c.CachedInfo().Created.After(created) && c.CachedInfo().NumAckPending == n
	})
	release()
	r.publishMany("b", n)
	r.drained()
	r.inOrder(2 * n)
	if got := testCounter(t, r.runner.metrics.repeats); got != 0 {
		t.Errorf("%v events were processed twice", got)
	}
}

// A process that ends while it goes back has no consumer left, but knows where it
// was.
func TestPlainReaderKnowsItsPlaceWithoutAConsumer(t *testing.T) {
	t.Parallel()
	r := newRigOn(t, streamtest.StartOld(t).URL, storetest.DSN(t, storetest.Fast))
	r.start(nil)
	r.publishMany("a", 50)
	r.drained()
	r.stop()
	ctx := context.Background()
	if _, err := plainConsumer(ctx, r.conn); err != nil { // goes back
		t.Fatal(err)
	}
	if err := r.conn.JS.DeleteConsumer(ctx, seriald.StreamEvents, plainName); err != nil {
		t.Fatal(err)
	}
	r.publishMany("b", 50)
	r.start(nil)
	r.until("the rest", func() bool { return r.count("processed_events") == 100 })
	r.drained()
	r.inOrder(100)
	if got := testCounter(t, r.runner.metrics.repeats); got != 0 {
		t.Errorf("%v events were processed again", got)
	}
}

// A holder that dies does not release its lease.
func TestTakeoverFromADeadProcess(t *testing.T) {
	t.Parallel()
	r := newRigOn(t, streamtest.StartOld(t).URL, storetest.DSN(t, storetest.Fast))
	r.start(nil)
	stopFirst := r.stop
	r.publishMany("a", 100)
	r.drained()
	first := r.runner
	r.start(nil)
	if !r.runner.Standby() || first.Standby() {
		t.Errorf("standby: first %t, second %t", first.Standby(), r.runner.Standby())
	}
	first.conn.Close() // nothing of it arrives any more
	r.publishMany("b", 100)
	r.drained()
	if !r.runner.running.Load() {
		t.Error("the second process does not read")
	}
	r.inOrder(200)
	r.stop() // before the first's, which forgets it
	stopFirst()
}

// upgraded starts the newest server on the directory of an old one. Embedded's
// has accounts of its own and would not look there.
func upgraded(t *testing.T, dir string) (url string) {
	t.Helper()
	s, err := natsd.NewServer(&natsd.Options{Host: "127.0.0.1", Port: natsd.RANDOM_PORT, JetStream: true, StoreDir: dir, NoSigs: true})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(patience) {
		t.Fatal("the server does not start")
	}
	return s.ClientURL()
}

// What an old server stored is processed as one before the partitions are read.
func TestServerIsUpgraded(t *testing.T) {
	t.Parallel()
	old := streamtest.StartOld(t)
	r := newRigOn(t, old.URL, storetest.DSN(t, storetest.Fast))
	r.start(nil)
	r.publishMany("a", 50)
	r.drained()
	r.stop()
	r.publishMany("b", 50)
	old.Stop()

	r = newRigOn(t, upgraded(t, old.Dir), r.dsn)
	r.publishMany("c", 50) // with a partition, behind those without
	r.start(nil)
	r.publishMany("d", 50)
	r.until("all are processed", func() bool { return r.count("processed_events") == 200 })
	if plain, _, err := r.conn.Plain(context.Background()); err != nil || !plain {
		t.Errorf("plain %t, %v, while it was read", plain, err)
	}
	r.drained()
	r.stop()

	r.start(nil)
	r.until("partitions", func() bool { return r.runner.running.Load() && r.runner.lease.Load() == nil })
	if plain, _, err := r.conn.Plain(context.Background()); err != nil || plain {
		t.Errorf("plain %t, %v, with nothing left", plain, err)
	}
	r.publishMany("e", 50)
	r.drained()
	r.stop()
	r.start(nil) // the partitions begin where they did
	r.publishMany("f", 50)
	r.drained()
	r.inOrder(300)
	if got := testCounter(t, r.runner.metrics.repeats); got != 0 {
		t.Errorf("%v events were processed again", got)
	}
}

func TestServerIsDowngraded(t *testing.T) {
	t.Parallel()
	url := streamtest.StartOld(t).URL
	conn, err := stream.Connect(streamtest.Config(url), t.Name(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	ctx := context.Background()
	// As the old server sees what a newer one has left.
	if _, err := conn.JS.CreateStream(ctx, jetstream.StreamConfig{Name: seriald.StreamEvents, Subjects: []string{"machshop.event.*.*.*"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.JS.CreateConsumer(ctx, seriald.StreamEvents, jetstream.ConsumerConfig{
		Durable: consumerName(0), FilterSubject: "machshop.event.0.*.*", AckPolicy: jetstream.AckExplicitPolicy,
	}); err != nil {
		t.Fatal(err)
	}
	if err := conn.Provision(ctx); err == nil || !strings.Contains(err.Error(), "partitioned by a newer NATS server") {
		t.Errorf("got %v, want a refusal", err)
	}
	if got := conn.Lacks(); !strings.Contains(got, "sync_interval") {
		t.Errorf("lacks %q", got)
	}
}
