package processors

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/machshop/seriald"
)

// busy returns the name of the one partition that has had deliveries.
func (r *rig) busy() string {
	r.tb.Helper()
	for n := range seriald.Partitions {
		if r.consumer(consumerName(n)).Delivered.Consumer > 0 {
			return consumerName(n)
		}
	}
	r.tb.Fatal("nothing was delivered")
	return ""
}

func (r *rig) consumer(name string) *jetstream.ConsumerInfo {
	r.tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, err := r.conn.JS.Consumer(ctx, seriald.StreamEvents, name)
	if err != nil {
		r.tb.Fatal(err)
	}
	return c.CachedInfo()
}

// waitFor waits until the consumer is as condition says.
func (r *rig) waitFor(name, what string, condition func(*jetstream.ConsumerInfo) bool) {
	r.tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for !condition(r.consumer(name)) {
		if !sleep(ctx, 5*time.Millisecond) {
			r.tb.Fatalf("%s does not come about: %+v", what, r.consumer(name))
		}
	}
}

func (r *rig) publishMany(prefix string, n int) {
	r.tb.Helper()
	for i := range n {
		r.publish(seriald.TypeSerialGenerate, fmt.Sprintf("%s-%04d", prefix, i), `{"partId":"PART-001"}`)
	}
}

// A server that crashes may have forgotten acknowledgements, of more events than
// may wait for one. They come again and are repeats; what follows is not held up.
func TestServerForgetsAcknowledgements(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start(nil)
	const n = 2*maxBatch + 100
	r.publishMany("before", n)
	r.drained()
	if _, err := r.conn.JS.ResetConsumerToSequence(context.Background(), seriald.StreamEvents, r.busy(), 1); err != nil {
		t.Fatal(err)
	}
	r.publishMany("after", 1)
	r.drained()
	if got := r.count("processed_events WHERE event_id = 'after-0000'"); got != 1 {
		t.Error("what follows is not processed")
	}
	if got := r.count("serials"); got != n+1 {
		t.Errorf("%d serials, want %d", got, n+1)
	}
}

// Work that was begun before the consumer went back is acknowledged by
// deliveries of before. The server must not mistake their sequences.
func TestAcknowledgementFromBeforeAReset(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var blocked atomic.Bool
	held := make(chan struct{})
	release := sync.OnceFunc(func() { close(held) })
	t.Cleanup(release) // or a test that fails would never end
	r.start(func(runner *Runner) {
		p := runner.processor
		p.now = func() time.Time {
			if blocked.Load() {
				<-held
			}
			return time.Now()
		}
	})
	const before, working, after = 500, 5, 20
	r.publishMany("before", before)
	r.drained()
	name := r.busy()
	blocked.Store(true)
	r.publishMany("working", working)
	r.waitFor(name, "delivery", func(i *jetstream.ConsumerInfo) bool { return i.NumAckPending == working })

	ctx := context.Background()
	s, err := r.conn.JS.Stream(ctx, seriald.StreamEvents)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.UnpinConsumer(ctx, name, readerGroup); err != nil {
		t.Fatal(err)
	}
	r.publishMany("shows that the pin is new", 1)
	r.waitFor(name, "going back", func(i *jetstream.ConsumerInfo) bool { return i.Delivered.Consumer < before })
	blocked.Store(false)
	release()

	r.drained()
	r.publishMany("after", after)
	r.drained()
	if got, want := r.count("serials"), before+working+1+after; got != want {
		t.Errorf("%d serials, want %d", got, want)
	}
}
